#!/usr/bin/env bash
# No name of OpenSSL's may be exported from our binaries (libcrypto and tpm2-tss
# would bind to BoringSSL's function of that name), and none is bound at run time.
#   exported_symbols_test.sh CONTROL AGENT SERVER
set -euo pipefail
control="$1" agent="$2" server="$3"

fail() {
  printf 'FAIL: %s\n' "$*" >&2
  exit 1
}

# Names only, without versions.
exported() { nm -D --defined-only "$1" | awk '{ print $NF }' | sed 's/@.*//' | LC_ALL=C sort -u; }
contained() { nm --defined-only "$1" 2>/dev/null | awk '{ print $NF }' | LC_ALL=C sort -u; }

libcrypto="$(ldd "$agent" | awk '/libcrypto\.so/ { print $3 }')"
[[ -f "$libcrypto" ]] || fail "the agent loads no libcrypto: is tpm2-tss still linked to OpenSSL?"
openssl_names="$TEST_TMPDIR/openssl_names"
exported "$libcrypto" >"$openssl_names"
libssl="$(dirname "$libcrypto")/libssl${libcrypto##*libcrypto}"
if [[ -f "$libssl" ]]; then exported "$libssl" >>"$openssl_names"; fi
LC_ALL=C sort -u -o "$openssl_names" "$openssl_names"
(($(wc -l <"$openssl_names") > 1000)) || fail "$libcrypto exports too few names to be OpenSSL"

clashes() { LC_ALL=C comm -12 <(exported "$1") "$openssl_names"; }

[[ "$(clashes "$control")" == EVP_PKEY_up_ref ]] || fail "the control's exported name was not seen"

for binary in "$agent" "$server"; do
  # BoringSSL must be inside, else there is nothing to hide.
  inside="$(LC_ALL=C comm -12 <(contained "$binary") "$openssl_names" | wc -l)"
  if [[ -n "$(contained "$binary")" ]]; then
    ((inside > 500)) || fail "$binary holds only $inside of OpenSSL's names: no BoringSSL in it?"
  else # stripped (--config=release)
    grep -q BoringSSL "$binary" || fail "$binary holds no BoringSSL"
  fi
  found="$(clashes "$binary")"
  [[ -z "$found" ]] || fail "$binary exports:"$'\n'"$found"
  printf '%s: %d of the names of OpenSSL inside, none exported\n' "$binary" "$inside"
done

# What the dynamic linker really does, every symbol bound at the start.
LD_DEBUG=bindings LD_BIND_NOW=1 "$agent" --help >/dev/null 2>"$TEST_TMPDIR/bindings" || true
bindings() { grep -E "binding file [^ ]*lib(crypto|tss2)[^ ]* .* to $1" "$TEST_TMPDIR/bindings" || true; }
(($(bindings '[^ ]*libcrypto' | wc -l) > 10)) || fail "saw no binding of tpm2-tss to libcrypto"
bindings "[^ ]*/bestow-agent " | sed -n "s/.*symbol \`\([^']*\)'.*/\1/p" | LC_ALL=C sort -u >"$TEST_TMPDIR/to_agent"
found="$(LC_ALL=C comm -12 "$TEST_TMPDIR/to_agent" "$openssl_names")"
[[ -z "$found" ]] || fail "bound to the agent's own functions:"$'\n'"$found"
printf 'at run time: tpm2-tss binds to libcrypto, nothing to the agent\n'
