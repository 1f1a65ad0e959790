"""End-to-end tests: the real binaries, judged by openssl, curl and Python."""

_SERVER = "//server:bestow-server"
_SERVER_FAILPOINTS = "//server:bestow_server_failpoints"
_AGENT = "//agent:bestow-agent"
_AGENT_FAILPOINTS = "//agent:bestow_agent_failpoints"

def e2e_test(name, size = "medium", tags = [], data = []):
    """Runs NAME.py, a unittest file, with the four binaries beside it."""
    native.sh_test(
        name = name,
        size = size,
        srcs = ["run.sh"],
        args = ["tools/e2e/%s.py" % name],
        data = [
            "harness.py",
            name + ".py",
            _SERVER,
            _SERVER_FAILPOINTS,
            _AGENT,
            _AGENT_FAILPOINTS,
        ] + data,
        tags = tags + ["e2e"],
    )
