"""Everything that lies outside this tree, and where it comes from."""

load("//third_party:debian_source.bzl", "debian_source")
load("//third_party/cross:arm64.bzl", "arm64_toolchain")
load("//third_party/debian_kernel:debian_kernel.bzl", "debian_kernel")

def bestow_repositories():
    # Debian's Bazel does not ship its built-in repositories: define each one
    # before Bazel would look for it on the network.
    native.local_repository(name = "rules_cc", path = "third_party/rules_cc")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "platforms", path = "/usr/share/bazel/tools/platforms")
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    native.local_repository(name = "remote_coverage_tools", path = "third_party/empty")

    debian_source(
        name = "boringssl",
        pool = "main/a/android-platform-external-boringssl",
        file = "android-platform-external-boringssl_14.0.0+r45.orig.tar.xz",
        sha256 = "f9223e8c15ad5d9e3f1cd50861f4c272658864661e2332bea5d60952aa0930cd",
        strip_prefix = "android-platform-external-boringssl-14.0.0+r45",
    )
    debian_source(
        name = "com_google_absl",
        pool = "main/a/abseil",
        file = "abseil_20240722.0.orig.tar.gz",
        sha256 = "df6d1f5ef540725f3851201176a60486aab332410788465c9877910bb471c34a",
        strip_prefix = "abseil-20240722.0",
    )
    debian_source(
        name = "com_github_gflags_gflags",
        pool = "main/g/gflags",
        file = "gflags_2.2.2.orig.tar.gz",
        sha256 = "34af2f15cf7367513b352bdcd2493ab14ce43692d2dcd9dfc499492966c64dcf",
        strip_prefix = "gflags-2.2.2",
    )
    debian_source(
        name = "com_google_googletest",
        pool = "main/g/googletest",
        file = "googletest_1.16.0.orig.tar.gz",
        sha256 = "2f54382b5d13d6cd0be2afc524f1e510d37f8ba78c2d439c5bea64ef37e30d01",
        strip_prefix = "googletest-1.16.0",
        build_file = "//third_party/googletest:googletest.BUILD",
    )

    # The target's libraries; fetched only by --config=arm64.
    arm64_toolchain(
        name = "arm64_toolchain",
        packages = [
            "libboost-dev",
            "libevent-dev",
            "libpq-dev",
            "libsqlite3-dev",
            "libstdc++6",
            "libtomlplusplus-dev",
            "libtss2-dev",
            "nlohmann-json3-dev",
        ],
    )

    # To boot in tools/vm: what drives its disk and its network.
    debian_kernel(
        name = "debian_kernel",
        modules = [
            "virtio_pci",
            "virtio_blk",
            "virtio_net",
            "ext4",
            "tpm_tis",
        ],
    )
