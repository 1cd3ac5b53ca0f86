#!/usr/bin/env bash
# Makes what the kernel tests boot, at test time, into target/kernel/: Debian's own kernel with a simulated GPIO chip, and
# an initramfs with busybox, the agent and the hand that moves the lines. Nothing of it is committed.
#
#   tests/kernel/image.sh fetch            Debian's kernel, unpacked but not installed (needs the package lists)
#   tests/kernel/image.sh build AGENT HAND the modules and the initramfs, from two static programs
#
# Debian's kernel has no gpio-sim, but the module builds out of tree from the kernel's source and headers. irq_sim is part
# of no Debian kernel either; the one function that it may not call from a module is replaced by one that it may.
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$PWD/target/kernel
here=$PWD/tests/kernel

fetch() {
    local package
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    rm -rf "$place/debian"
    mkdir -p "$place/debian"
    # apt's own user may not be let into this folder, and apt then fetches as who calls it.
    (cd "$place/debian" && apt-get download -qq "$package" && dpkg -x ./*.deb . && rm ./*.deb)
}

# The kernel's version, such as 6.1.0-56-amd64: that of the image, for which headers must be installed too.
version() {
    local image
    image=$(echo "$place"/debian/boot/vmlinuz-*)
    echo "${image##*/vmlinuz-}"
}

modules() {
    local kernel=$1 out=$place/modules-$1 source=linux-source-6.1
    [ -f "$out/gpio-sim.ko" ] && return
    rm -rf "$out" && mkdir -p "$out"
    tar -xJf /usr/src/$source.tar.xz -C "$out" --strip-components=3 \
        $source/drivers/gpio/gpio-sim.c $source/drivers/gpio/gpiolib.h $source/kernel/irq/irq_sim.c
    sed -i 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' "$out/irq_sim.c"
    echo 'MODULE_LICENSE("GPL");' >>"$out/irq_sim.c"
    echo 'obj-m += irq_sim.o gpio-sim.o' >"$out/Kbuild"
    make -s -C "/usr/src/linux-headers-$kernel" M="$out" modules 1>&2
}

initramfs() {
    local kernel=$1 agent=$2 hand=$3 root=$place/root module
    rm -rf "$root" && mkdir -p "$root"/{bin,dev,proc,sys,config,data,modules}
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp "$agent" "$root/bin/touchtime-agent"
    cp "$hand" "$root/bin/hand"
    cp "$here/init" "$root/init"
    chmod +x "$root/init" "$root/bin/"*
    # Busybox's own tc knows no netem.
    mkdir -p "$root/sbin" && cp "$(command -v tc || echo /sbin/tc)" "$root/sbin/tc"
    ldd "$root/sbin/tc" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"
    done
    while read -r module; do
        case $module in
        irq_sim | gpio-sim) cp "$place/modules-$kernel/$module.ko" "$root/modules/" ;;
        *) find "$place/debian/lib/modules" -name "$module.ko" -exec cp {} "$root/modules/" \; ;;
        esac
        [ -f "$root/modules/$module.ko" ] || { echo "image.sh: Debian's kernel has no module $module" >&2; exit 1; }
    done < <(sed -n 's/^modules="\(.*\)"$/\1/p' "$here/init" | tr ' ' '\n')
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$place/initramfs.gz"
    cp "$place/debian/boot/vmlinuz-$kernel" "$place/vmlinuz"
}

case ${1:-} in
fetch) fetch ;;
build)
    kernel=$(version)
    modules "$kernel"
    initramfs "$kernel" "$2" "$3"
    ;;
*)
    echo "usage: image.sh fetch | image.sh build AGENT HAND" >&2
    exit 2
    ;;
esac
