"""Fuzz targets that are tests as well."""

def bestow_fuzz_test(name, srcs, corpus, deps):
    """One parser's fuzz target.

    `bazel test` runs it over its corpus, with truncations and small changes.
    With --config=fuzz it is a libFuzzer binary: see tools/fuzz/run.

    Args:
      name: ends with _fuzz_test.
      srcs: defines LLVMFuzzerTestOneInput.
      corpus: a folder of testdata/.
      deps: what srcs include.
    """
    native.cc_test(
        name = name,
        size = "small",
        srcs = srcs,
        args = select({
            "//tools/fuzz:libfuzzer": ["-runs=1"],
            "//conditions:default": ["testdata/" + corpus],
        }),
        data = ["//testdata:" + corpus],
        linkopts = select({
            "//tools/fuzz:libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["fuzz"],  # tools/fuzz/run finds them by it
        deps = deps + select({
            "//tools/fuzz:libfuzzer": [],
            "//conditions:default": ["//tools/fuzz:corpus_main"],
        }),
    )
