"""What the doctor found: one line a check, and what to do about it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`said` is how it is; `advice` what to do, "" where nothing needs doing."""

    check: str
    status: Literal["ok", "warn", "fail"]
    said: str
    advice: str = ""


def ok(check: str, said: str) -> Finding:
    return Finding(check, "ok", said)


def warn(check: str, said: str, advice: str) -> Finding:
    return Finding(check, "warn", said, advice)


def fail(check: str, said: str, advice: str) -> Finding:
    return Finding(check, "fail", said, advice)


def as_lines(findings: Sequence[Finding]) -> str:
    """For people: aligned, the advice on the line below."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<4}  {finding.check:<{width}}  {finding.said}")
        if finding.advice:
            lines.append(f"{'':<{width + 8}}-> {finding.advice}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """For programs: `healthy` is false when anything failed."""
    return json.dumps({"healthy": healthy(findings), "checks": [asdict(finding) for finding in findings]}, indent=2)


def healthy(findings: Sequence[Finding]) -> bool:
    return all(finding.status != "fail" for finding in findings)
