"""The DaemonSet for Kubernetes, held against the schema of Kubernetes and against what Ruth requires."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from conftest import PROJECT
from launch.cli.main import parser_of

VERSION = "1.31"
reason = "it is an extra of ./tests/run --all: kubernetes"
kubernetes_validate: Any = pytest.importorskip("kubernetes_validate", reason=reason)
yaml: Any = pytest.importorskip("yaml", reason=reason)

DAEMON_SET = yaml.safe_load((PROJECT / "launch" / "deploy" / "daemonset.yaml").read_text(encoding="utf-8"))
POD = DAEMON_SET["spec"]["template"]["spec"]
(RUTH,) = POD["containers"]


def test_kubernetes_takes_it() -> None:
    """It is valid by the schema of Kubernetes, where a key that is not known is an error."""
    assert kubernetes_validate.validate(DAEMON_SET, VERSION, strict=True) == VERSION
    wrong = copy.deepcopy(DAEMON_SET)
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFileSystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_exports_are_read_only() -> None:
    """The video server's folder is mounted read-only, as a folder that is there already; states are not."""
    mounts = {mount["mountPath"]: mount for mount in RUTH["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    exports, states = mounts["/dev/shm/vas"], mounts["/dev/shm/ruth"]
    assert (exports["readOnly"], "readOnly" in states) == (True, False)
    for mount in (exports, states):
        assert volumes[mount["name"]]["hostPath"] == {"path": mount["mountPath"], "type": "Directory"}
    assert volumes[mounts["/etc/ruth"]["name"]]["configMap"]["name"] == DAEMON_SET["metadata"]["name"]


def test_it_has_no_rights() -> None:
    """Another uid than the video server's, no capability, no token, no network of the host."""
    assert (POD["securityContext"]["runAsNonRoot"], POD["securityContext"]["runAsUser"]) == (True, 65532)
    assert POD["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & POD.keys()
    for container in (*POD["initContainers"], RUTH):
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert not {"livenessProbe", "readinessProbe", "lifecycle"} & container.keys()


def test_nothing_ends_agents_for_a_change() -> None:
    """A changed DaemonSet ends no pod; a changed configuration is applied by hand."""
    assert DAEMON_SET["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_its_commands_parse() -> None:
    """Each container runs a verb with options that it has."""
    for container in (*POD["initContainers"], RUTH):
        parser_of(container["args"]).parse_args(container["args"])
