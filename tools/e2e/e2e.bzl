"""End-to-end tests: the real binaries, judged by openssl, curl and Python."""

_SERVER = "//server:bestow-server"
_SERVER_FAILPOINTS = "//server:bestow_server_failpoints"
_AGENT = "//agent:bestow-agent"
_AGENT_FAILPOINTS = "//agent:bestow_agent_failpoints"

def e2e_test(name, size = "medium", tags = [], data = [], on_postgresql = False):
    """Runs NAME.py, a unittest file, with the four binaries beside it.

    on_postgresql: once more as NAME_on_postgresql, where each of its servers
    has a database of PostgreSQL's in place of SQLite.
    """
    engines = {name: {}}
    if on_postgresql:
        engines[name + "_on_postgresql"] = {"BESTOW_E2E_ENGINE": "postgresql"}
    for target, env in engines.items():
        native.sh_test(
            name = target,
            size = size,
            srcs = ["run.sh"],
            args = ["tools/e2e/%s.py" % name],
            data = depset([
                "harness.py",
                "postgres.py",
                name + ".py",
                _SERVER,
                _SERVER_FAILPOINTS,
                _AGENT,
                _AGENT_FAILPOINTS,
            ] + data).to_list(),
            env = env,
            tags = tags + ["e2e"],
        )
