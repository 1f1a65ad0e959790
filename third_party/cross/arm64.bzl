"""Debian's arm64 cross compiler, with the target's -dev packages beside it.

Installing arm64 -dev packages on an amd64 host would replace some of its own
(not all can be installed for two architectures), so this unpacks them, and
what they depend on, into a folder of Bazel's. The host's package database and
architectures are only read. Nothing happens until --config=arm64 is used.
"""

_UNPACK = """
set -eu
here="$PWD"
mkdir -p apt/lists/partial apt/archives/partial root
: > apt/status
apt() {
  apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
    -o Dir::State="$here/apt" -o Dir::State::status="$here/apt/status" -o Dir::State::lists="$here/apt/lists" \
    -o Dir::Cache="$here/apt" -o Debug::NoLocking=1 --no-install-recommends "$@"
}
apt update
apt install --download-only "$@"
# The C and C++ libraries to compile against are the cross compiler's own.
rm -f apt/archives/libc6-dev_* apt/archives/linux-libc-dev_* apt/archives/libgcc-*-dev_* apt/archives/libstdc++-*-dev_*
for package in apt/archives/*.deb; do dpkg-deb --extract "$package" root; done
rm -rf apt root/etc root/var root/usr/share root/usr/bin root/usr/sbin
"""

def _arm64_toolchain_impl(ctx):
    if not ctx.which("aarch64-linux-gnu-g++"):
        fail("no aarch64-linux-gnu-g++ here: tools/arm64-smoke installs it")
    result = ctx.execute(["sh", "-c", _UNPACK, "sh"] + ctx.attr.packages, timeout = 600, quiet = True)
    if result.return_code != 0:
        fail("can't get the arm64 packages: " + result.stderr)
    ctx.template(
        "BUILD.bazel",
        ctx.attr._build_file,
        {"%{sysroot}": str(ctx.path("root"))},
    )

arm64_toolchain = repository_rule(
    implementation = _arm64_toolchain_impl,
    attrs = {
        "packages": attr.string_list(mandatory = True),
        "_build_file": attr.label(default = "//third_party/cross:arm64.BUILD.tpl"),
    },
    doc = "A cc_toolchain_suite :toolchain for --cpu=aarch64, from the host's apt mirror.",
)
