load("@bazel_tools//tools/cpp:unix_cc_toolchain_config.bzl", "cc_toolchain_config")

package(default_visibility = ["//visibility:public"])

cc_toolchain_suite(
    name = "toolchain",
    toolchains = {
        "aarch64": ":aarch64",
        "aarch64|gcc": ":aarch64",
    },
)

filegroup(name = "empty")

cc_toolchain(
    name = "aarch64",
    all_files = ":empty",
    ar_files = ":empty",
    as_files = ":empty",
    compiler_files = ":empty",
    dwp_files = ":empty",
    linker_files = ":empty",
    objcopy_files = ":empty",
    strip_files = ":empty",
    supports_param_files = True,
    toolchain_config = ":config",
    toolchain_identifier = "debian-aarch64",
)

cc_toolchain_config(
    name = "config",
    abi_libc_version = "debian",
    abi_version = "debian",
    compile_flags = [
        "-U_FORTIFY_SOURCE",
        "-fno-omit-frame-pointer",
        # After the cross compiler's own folders: this one has no libc headers.
        "-idirafter",
        "%{sysroot}/usr/include",
        "-idirafter",
        "%{sysroot}/usr/include/aarch64-linux-gnu",
    ],
    compiler = "gcc",
    cpu = "aarch64",
    cxx_builtin_include_directories = [
        "/usr/aarch64-linux-gnu/include",
        "/usr/lib/gcc-cross/aarch64-linux-gnu",
        "%{sysroot}/usr/include",
    ],
    dbg_compile_flags = ["-g"],
    host_system_name = "local",
    link_flags = [
        "-L%{sysroot}/usr/lib/aarch64-linux-gnu",
        "-Wl,-rpath-link,%{sysroot}/usr/lib/aarch64-linux-gnu:%{sysroot}/lib/aarch64-linux-gnu",
        "-pass-exit-codes",
    ],
    link_libs = [
        "-lstdc++",
        "-lm",
    ],
    opt_compile_flags = [
        "-g0",
        "-O2",
        "-DNDEBUG",
        "-ffunction-sections",
        "-fdata-sections",
    ],
    opt_link_flags = ["-Wl,--gc-sections"],
    supports_start_end_lib = False,
    target_libc = "glibc",
    target_system_name = "aarch64-linux-gnu",
    tool_paths = {
        "ar": "/usr/bin/aarch64-linux-gnu-ar",
        "cpp": "/usr/bin/aarch64-linux-gnu-cpp",
        "dwp": "/bin/false",
        "gcc": "/usr/bin/aarch64-linux-gnu-gcc",
        "gcov": "/bin/false",
        "ld": "/usr/bin/aarch64-linux-gnu-ld",
        "llvm-cov": "/bin/false",
        "nm": "/usr/bin/aarch64-linux-gnu-nm",
        "objcopy": "/usr/bin/aarch64-linux-gnu-objcopy",
        "objdump": "/usr/bin/aarch64-linux-gnu-objdump",
        "strip": "/usr/bin/aarch64-linux-gnu-strip",
    },
    toolchain_identifier = "debian-aarch64",
    # Debian's paths are symbolic links: the compiler must name them as given.
    unfiltered_compile_flags = [
        "-fno-canonical-system-headers",
        "-Wno-builtin-macro-redefined",
        "-D__DATE__=\"redacted\"",
        "-D__TIMESTAMP__=\"redacted\"",
        "-D__TIME__=\"redacted\"",
    ],
)
