"""Debian's cloud kernel, to boot in a virtual machine (tools/vm).

The package is downloaded and unpacked, never installed: nothing of the host
changes. Which version it is says the host's apt, by the package that always
depends on its release's newest kernel; apt checks the signatures. It is not
pinned: a mirror keeps the newest alone. With no mirror: BESTOW_ARCHIVES may
name a folder with the .deb.
"""

# The newest kernel's package is named by this one.
_META_PACKAGE = "linux-image-cloud-amd64"

# Arguments: the modules to take, each with what it depends on.
_FETCH = """
set -eu
here="$PWD"
meta=%s

# fetch APT_OPTION...: the package by the lists that these options lead to.
fetch() {
  name=$(apt-cache "$@" depends "$meta" |
    sed -n 's/^ *Depends: \\(linux-image-[0-9][^ ]*-cloud-amd64\\)$/\\1/p' | head -n 1)
  if [ -z "$name" ]; then
    echo "apt knows no package $meta" >&2
    return 1
  fi
  apt-get -q -o APT::Sandbox::User=root "$@" download "$name" >&2
}
fetch_by_new_lists() {
  mkdir -p apt/lists/partial apt/archives/partial
  set -- -o Dir::State="$here/apt" -o Dir::State::lists="$here/apt/lists" -o Dir::Cache="$here/apt" -o Debug::NoLocking=1
  apt-get -q -o APT::Sandbox::User=root "$@" update >&2
  fetch "$@"
}
deb=""
if [ -n "${BESTOW_ARCHIVES:-}" ]; then
  deb=$(find "$BESTOW_ARCHIVES" -maxdepth 1 -name 'linux-image-[0-9]*-cloud-amd64_*.deb' | sort -V | tail -n 1)
fi
if [ -z "$deb" ]; then
  # The host's own lists may be missing, or older than what the mirror carries.
  fetch || fetch_by_new_lists
  deb=$(find "$here" -maxdepth 1 -name 'linux-image-*.deb')
fi
dpkg-deb --extract "$deb" unpacked
basename "$deb" .deb > package
mv unpacked/boot/vmlinuz-* vmlinuz

tree=$(dirname "$(find unpacked -name modules.builtin)")
mkdir modules
order=""
count=10
# add MODULE: after what it depends on. (A shell's functions share variables
# but for their arguments.)
add() {
  case " $order " in *" $1 "*) return 0 ;; esac
  file=$(find "$tree" -name "$(echo "$1" | tr _ '?').ko*")
  if [ -z "$file" ]; then
    if grep -q "/$(echo "$1" | tr _ .)\\.ko" "$tree/modules.builtin"; then return 0; fi
    echo "$(cat package) has no module $1" >&2
    exit 1
  fi
  case "$file" in
    *.xz) xz -dc "$file" > module ;;
    *) cp "$file" module ;;
  esac
  set -- "$1" $(grep -a -o 'depends=[a-z0-9_,-]*' module | head -n 1 | cut -d = -f 2 | tr , ' ')
  mv module "modules/$1"
  for needed in "$@"; do
    [ "$needed" = "$1" ] || add "$needed"
  done
  mv "modules/$1" "modules/$count-$1.ko"
  count=$((count + 1))
  order="$order $1"
}
for module in "$@"; do add "$module"; done
rm -rf apt unpacked
[ "$deb" != "$here/$(basename "$deb")" ] || rm -f "$deb"
""" % _META_PACKAGE

def _debian_kernel_impl(ctx):
    result = ctx.execute(["sh", "-c", _FETCH, "sh"] + ctx.attr.modules, timeout = 600, quiet = True)
    if result.return_code != 0:
        fail(("can't get Debian's kernel (%s), which the tests in tools/vm boot: it comes from the mirror that " +
              "this host's apt is configured with, or, as a .deb, from the folder that BESTOW_ARCHIVES names.\n%s") %
             (_META_PACKAGE, result.stderr))
    ctx.symlink(ctx.attr._build_file, "BUILD.bazel")
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)

debian_kernel = repository_rule(
    implementation = _debian_kernel_impl,
    attrs = {
        "modules": attr.string_list(mandatory = True, doc = "what is not built in is taken along, in this order"),
        "_build_file": attr.label(default = "//third_party/debian_kernel:debian_kernel.BUILD"),
    },
    environ = ["BESTOW_ARCHIVES"],
    doc = "The image and a few modules of Debian's cloud kernel, from the host's apt mirror.",
)
