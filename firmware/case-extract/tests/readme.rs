//! The README has every key of a mapping, and its examples are the mappings of the test data.

use case_extract::Mapping;

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_has_every_key() {
    let base = "zone = \"UTC\"\nsite = \"main\"\ncase = \"c\"\n";
    let mut keys = 0;
    for (top, tables) in [
        ("room = \"r\"\nqqqqqqqq = 1", ""),
        ("room = { column = \"r\", qqqqqqqq = 1 }", ""),
        ("room = \"r\"", "[milestones]\nqqqqqqqq = \"x\""),
        ("room = \"r\"", "[booking]\nqqqqqqqq = \"x\""),
        ("room = \"r\"", "[booking]\nadmission = { column = \"a\", qqqqqqqq = 1 }"),
        ("room = \"r\"", "[cancellation]\ntime = \"t\"\nqqqqqqqq = \"x\""),
        ("room = \"r\"", "[sessions]\nfrom = \"columns\"\nstart = \"s\"\nend = \"e\"\nqqqqqqqq = 1"),
        ("room = \"r\"", "[sessions]\nfrom = \"plan-file\"\nstart = \"s\"\nend = \"e\"\nqqqqqqqq = 1"),
        ("room = \"r\"", "[booking]\nstart = \"b\"\n[sessions]\nfrom = \"bookings\"\nqqqqqqqq = 1"),
    ] {
        let error = Mapping::parse("m.toml", &format!("{base}{top}\n{tables}")).unwrap_err().to_string();
        let known = error.split_once("(known here: ").expect(&error).1.trim_end_matches(')');
        for key in known.split(", ") {
            let quoted = [format!("`{key}`"), format!("`{key} = "), format!("`[{key}]`")];
            assert!(quoted.iter().any(|text| README.contains(text)), "{key}");
            keys += 1;
        }
    }
    assert!(keys > 60);
}

#[test]
fn the_examples_of_the_readme_are_the_mappings_of_the_data() {
    for mapping in [
        include_str!("../../../tests/data/or_utilisation_2022_jan_feb.mapping.toml"),
        include_str!("../../../tests/data/uk_theatre_extract.mapping.toml"),
    ] {
        assert!(README.contains(&format!("```toml\n{mapping}```")));
    }
}
