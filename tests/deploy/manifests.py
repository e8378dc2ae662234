"""The manifests of `deploy/kubernetes`, read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(file for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml")
RESOURCES: list[dict[str, Any]] = [each for file in FILES for each in yaml.safe_load_all(file.read_text("utf-8"))]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one kind, by name."""
    return {each["metadata"]["name"]: each for each in RESOURCES if each["kind"] == kind}


DEPLOYMENTS = of_kind("Deployment")
SERVICES = of_kind("Service")
SETTINGS: dict[str, str] = of_kind("ConfigMap")["yaoki-chat"]["data"]


def pod_of(name: str) -> dict[str, Any]:
    """The specification of the pods of a Deployment."""
    pod: dict[str, Any] = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    return pod


def container_of(name: str) -> dict[str, Any]:
    """Their one container."""
    (container,) = pod_of(name)["containers"]
    found: dict[str, Any] = container
    return found
