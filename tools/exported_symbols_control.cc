// The negative control of exported_symbols_test: a program that exports a name
// that libcrypto also has.

extern "C" __attribute__((visibility("default"), used)) int EVP_PKEY_up_ref() {
  return 1;
}

int main() { return 0; }
