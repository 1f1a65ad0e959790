"""Upstream source archives, as Debian's mirrors carry them, pinned by sha256.

The pin names the *upstream* archive (the .orig.tar file) and not a Debian
revision: revisions are replaced on mirrors at any time, upstream archives stay
as long as the version does. The mirror is the one that the host's apt is
configured with; this project names none. See third_party/README.md for how to
bump a pin and how to build with no mirror at all (BESTOW_ARCHIVES).
"""

_FETCH = """
set -eu
pool="$1"; file="$2"; sha256="$3"; out="$4"; prefix="$5"
if [ -n "${BESTOW_ARCHIVES:-}" ] && [ -f "$BESTOW_ARCHIVES/$file" ]; then
  cp "$BESTOW_ARCHIVES/$file" "$out"
else
  sites=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | awk '!seen[$0]++')
  for site in $sites; do
    if /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file \
        "$site/pool/$pool/$file" "$out" "SHA256:$sha256" >&2; then break; fi
    rm -f "$out"
  done
fi
[ -f "$out" ] || { echo "none of this host's apt mirrors has $pool/$file; put it in a folder and set BESTOW_ARCHIVES to it" >&2; exit 1; }
echo "$sha256  $out" | sha256sum --check --status || { echo "$file: sha256 is not $sha256" >&2; rm -f "$out"; exit 1; }
# Not ctx.extract: Debian 13's Bazel misses a Java class that it would need.
tar -xf "$out" --no-same-owner --strip-components=1 "$prefix"
rm -f "$out"
"""

def _debian_source_impl(ctx):
    archive = ctx.attr.file
    result = ctx.execute(
        ["sh", "-c", _FETCH, "sh", ctx.attr.pool, archive, ctx.attr.sha256, archive, ctx.attr.strip_prefix],
        timeout = 600,
        quiet = True,
    )
    if result.return_code != 0:
        fail("can't get %s: %s" % (archive, result.stderr))
    if ctx.attr.build_file:
        ctx.delete("BUILD")
        ctx.delete("BUILD.bazel")
        ctx.symlink(ctx.attr.build_file, "BUILD.bazel")
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)

debian_source = repository_rule(
    implementation = _debian_source_impl,
    attrs = {
        "pool": attr.string(mandatory = True, doc = "folder below the mirror's pool/"),
        "file": attr.string(mandatory = True, doc = "name of the .orig.tar archive"),
        "sha256": attr.string(mandatory = True),
        "strip_prefix": attr.string(mandatory = True, doc = "the archive's top folder"),
        "build_file": attr.label(doc = "replaces the archive's own BUILD file"),
    },
    environ = ["BESTOW_ARCHIVES"],
    doc = "Fetches and unpacks one pinned upstream archive from the host's apt mirror.",
)
