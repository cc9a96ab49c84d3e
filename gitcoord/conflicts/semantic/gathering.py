"""What a reader of any language gathers on its way through a file."""

from __future__ import annotations

from gitcoord.conflicts.semantic.outline import Claim, Definition, Outline, Scope, Use


class Gathering:
    """scope: where the reader is. depth: functions around it. The rest as in Outline."""

    language = ""

    def __init__(self) -> None:
        self.scope: Scope = ()
        self.depth = 0
        self.definitions: list[Definition] = []
        self.uses: list[Use] = []
        self.claims: list[Claim] = []
        self.imports: dict[str, tuple[str, str]] = {}
        self.bindings: set[tuple[Scope, str]] = set()
        self.texts: list[tuple[str, int]] = []
        self.package = ""
        self.open = False

    def outline(self) -> Outline:
        return Outline(
            self.language, tuple(self.definitions), tuple(self.uses), tuple(self.claims),
            self.imports, frozenset(self.bindings), tuple(self.texts), self.package, self.open,
        )  # fmt: skip

    def bind(self, name: str) -> None:
        self.bindings.add((self.scope, name))

    def imported(self, local: str, module: str, name: str, line: int) -> None:
        """A name of the file that comes from elsewhere; name: "" for a whole module."""
        self.bind(local)
        self.imports[local] = (module, name)
        receiver = f"from {module}" if name else "import"
        self.uses.append(Use(name or module, line, self.scope, receiver))

    def claim_at(
        self, space: tuple[str, ...], key: str, label: str, line: int, kind: str,
        confidence: float, *, group: bool = False,
    ) -> None:  # fmt: skip
        self.claims.append(Claim(space, key, label, line, kind, confidence, group=group))
