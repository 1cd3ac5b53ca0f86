// Whether an AsyncAPI document is valid, as the AsyncAPI project's own parser sees it. Errors and warnings both count.
//
//     node asyncapi.mjs NODE_MODULES DOCUMENT
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [, , modules, file] = process.argv;
const { Parser } = createRequire(`${modules}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
// 0 is an error, 1 a warning; hints of style are neither.
const bad = diagnostics.filter(({ severity }) => severity <= 1);
for (const { message, path, range } of bad) {
  console.error(`${file}:${range.start.line + 1}: ${message} (${path.join(".")})`);
}
if (bad.length > 0 || document === undefined) process.exit(1);
console.log(`${document.channels().length} channels, ${document.messages().length} messages, ${document.schemas().length} schemas`);
