# The Debian packages that builds and tests need, and their installation.
# Sourced by the tools, after say.sh; bash. Debian 12 and 13.
#
# shellcheck disable=SC2034  # the lists are for those who source this
#
# "a|b" is one package under the names that the two releases give it.

# To build the server and the agent, and to run them as tools/quickstart does.
# The mirror's pinned sources come by apt itself, so ca-certificates suffices.
readonly BESTOW_PACKAGES_BUILD=(
  bazel-bootstrap bazel-platforms bazel-rules-java bazel-skylib
  binutils ca-certificates g++ libc6-dev
  libboost-dev libevent-dev libpq-dev libsqlite3-dev libtomlplusplus-dev libtss2-dev
  "libtss2-tcti-device0|libtss2-tcti-device0t64"
  "libtss2-tcti-swtpm0|libtss2-tcti-swtpm0t64"
  nlohmann-json3-dev openssl procps swtpm swtpm-tools tar tpm2-openssl tpm2-tools xz-utils
)
# A device with a kernel of its own (tools/vm); the kernel is fetched, never installed.
readonly BESTOW_PACKAGES_VM=(busybox-static e2fsprogs python3 qemu-system-x86)
# bazel test //...
readonly BESTOW_PACKAGES_TEST=(
  "${BESTOW_PACKAGES_VM[@]}" curl libstrongswan-standard-plugins postgresql python3 sqlite3 strongswan-pki
)
# Sanitizers need nothing more; libFuzzer needs clang and its runtime.
readonly BESTOW_PACKAGES_FUZZ=(clang "libclang-rt-14-dev|libclang-rt-19-dev")
readonly BESTOW_PACKAGES_PRESUBMIT=(clang-format git)
# qemu runs what the cross compiler made.
readonly BESTOW_PACKAGES_ARM64=(g++-aarch64-linux-gnu binutils-aarch64-linux-gnu "qemu-user-static|qemu-user")
readonly BESTOW_PACKAGES_CLEANROOM=(ca-certificates debian-archive-keyring debootstrap git tar util-linux)

_is_installed() {
  [[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

_has_candidate() {
  apt-cache policy "$1" 2>/dev/null | grep -Eq '^ +Candidate: [^( ]'
}

# Prints the name to install for "a|b", or nothing when one is there.
_name_to_install() {
  local names name
  IFS='|' read -ra names <<<"$1"
  for name in "${names[@]}"; do
    if _is_installed "$name"; then return; fi
  done
  for name in "${names[@]}"; do
    if _has_candidate "$name"; then
      printf '%s\n' "$name"
      return
    fi
  done
  printf '%s\n' "${names[0]}"
}

# True when apt knows no package at all (a fresh debootstrap), or when it last
# asked over a day ago and so may name files that the mirror has dropped. (The
# lists carry the mirror's own dates, their folder has ours.)
_needs_update() {
  local lists=/var/lib/apt/lists
  [[ -z "$(find "$lists" -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ||
    -z "$(find "$lists" -maxdepth 0 -mtime -1 2>/dev/null)" ]]
}

_apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=120 --no-install-recommends --no-remove "$@"
}

# The tests start PostgreSQL themselves: its package is not to leave a server
# running on this machine. What is installed already stays as it is.
_forbid_postgresql_cluster() {
  local folder=/etc/postgresql-common/createcluster.d
  if _is_installed postgresql-common; then return; fi
  mkdir -p "$folder"
  printf 'create_main_cluster = false\n' >"$folder/bestow.conf"
}

# install_packages ENTRY...: installs what is not there, and says so before it
# does. Never removes a package.
install_packages() {
  local entry missing=()
  [[ -r /etc/debian_version ]] || die "this needs Debian 12 or 13 (no /etc/debian_version here)"
  for entry in "$@"; do
    if [[ -n "$(_name_to_install "$entry")" ]]; then missing+=("$entry"); fi
  done
  if ((${#missing[@]} == 0)); then
    printf 'Debian packages: all %d are installed already.\n' "$#"
    return
  fi
  printf 'To be installed from the mirror that apt is configured with (%d of %d are missing):\n' \
    "${#missing[@]}" "$#"
  printf '%s\n' "${missing[@]%%|*}" | LC_ALL=C sort | paste -sd ' ' | fold -s -w 76 | sed 's/^/    /'
  if ((EUID != 0)); then
    die "installing needs root. Run it as root, or install these packages yourself and run it again."
  fi
  if _needs_update; then
    step "Reading the mirror's package lists (apt-get update)" apt-get -q update ||
      die "apt-get update failed: see /etc/apt/sources.list, the network and the proxy, then run it again."
  fi
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then _forbid_postgresql_cluster; fi
  local names=()
  for entry in "${missing[@]}"; do
    names+=("$(_name_to_install "$entry")")
  done
  if ! step "Installing ${#names[@]} packages and what they depend on" _apt install "${names[@]}"; then
    step "The lists may be old: reading them again" apt-get -q update || true
    step "Installing once more" _apt install "${names[@]}" ||
      die "apt-get install failed: see above, mend it and run it again."
  fi
}
