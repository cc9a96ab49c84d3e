"""From words to a command: the only file that knows how typer parses.

Promises: only the file of the verb asked for is imported; `-q` and `--no-color` work before
and after the verb; what typer refuses leaves as BadInput. Refuses: to run a verb it guessed.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from gitcoord import __version__
from gitcoord.commands import VERBS
from gitcoord.commands.asking import Asked, asked_of, examples, family
from gitcoord.errors import BadInput, Problem

# typer 0.27 and newer carry click within, older ones import it: this name is the same in both.
_UsageError: Any = typer.BadParameter.__base__
_Refusal: Any = _UsageError.__base__

_PROGRAMS = ("gitcoord", "git-coord")
# git's own completion calls a function of this name for `git coord …`.
_BASH_UNDER_GIT = """
_git_coord() {
    local at=1
    while [[ "${COMP_WORDS[at]}" != coord ]] && (( at < COMP_CWORD )); do (( at++ )); done
    COMP_WORDS=(git-coord "${COMP_WORDS[@]:at+1}")
    COMP_CWORD=$(( COMP_CWORD - at ))
    _git_coord_completion git-coord
}
"""
# Options of verbs that people put before the verb.
_AFTER_THE_VERB = ("--json", "--dry-run", "-n", "--force", "-f")
_MAY_BE_EMPTY = "message"


class Front(TyperGroup):
    """All verbs by name and summary; the one asked for is loaded when it is resolved."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for verbs in VERBS.values():
            for verb, (_, summary) in verbs.items():
                self.commands[verb] = TyperCommand(verb, help=summary, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer does, with the verb's file imported. Raises BadInput on an unknown verb."""
        verb = args[0]
        if verb in self.commands:
            self.commands[verb] = load(verb)
        elif not ctx.resilient_parsing and not verb.startswith("-"):
            raise _unknown(verb, list(self.commands), ctx.command_path)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _refuse_empty(command, rest)
        return name, command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, verbs in VERBS.items():
            with formatter.section(heading):
                formatter.write_dl([(verb, summary) for verb, (_, summary) in verbs.items()])


def obey(words: list[str], *, program: str, asked: Asked) -> int:
    """Run the command the words ask for. Returns its exit code; raises Problems only."""
    alone = len(words) == 1 and words[0] in ("--install-completion", "--show-completion")
    try:
        with front().make_context(
            program.replace("git-coord", "git coord"),
            [*words, asked.shell] if alone else words,
            obj=asked,
        ) as ctx:
            return int(ctx.command.invoke(ctx) or 0)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _Refusal as refusal:
        raise _in_our_words(refusal) from None


def complete(*, program: str, variable: str, asked: Asked) -> int:
    """Answer what the shell asks in the environment's `variable`. What fails completes nothing."""
    from typer import _completion_classes as shells

    # It loads rich (90 of 170 ms) to take markup out of the summaries, which have none.
    vars(shells)["_sanitize_help_text"] = str
    shells.completion_init()
    try:
        front().main([], prog_name=program, complete_var=variable, obj=asked)
    except SystemExit as leave:
        return int(leave.code or 0)
    except (Problem, OSError):
        return 1
    return 0


def front() -> Front:
    """The root command with all verbs, none of them loaded."""
    app = typer.Typer(
        cls=Front,
        callback=_root,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=examples(
            'gitcoord start investigation "why does login fail intermittently?"',
            "gitcoord -C ~/src/shop config list",
        ),
    )
    group = get_group(app)
    assert isinstance(group, Front)
    return group


def load(verb: str) -> Any:
    """The command behind a verb, from its file, with the options that work everywhere."""
    file = next(verbs[verb][0] for verbs in VERBS.values() if verb in verbs)
    group = get_group(import_module(f"gitcoord.commands.{file}").app)
    found = group.commands.get(verb, group)
    found.name = verb
    _add_everywhere(found, _everywhere())
    return found


def load_from(file: str, words: str, following: list[str]) -> Any:
    """A command that a family keeps in a file of its own, which has a `register(app)`.

    words: what it is called by, `review merge`. following: what comes after them on the command
    line. Raises BadInput for an empty value in it.
    """
    app = family()
    import_module(f"gitcoord.commands.{file}").register(app)
    found = get_group(app).commands[words.rpartition(" ")[2]]
    _add_everywhere(found, _everywhere())
    found.name = words
    _refuse_empty(found, following)
    return found


def _root(
    ctx: typer.Context,
    moves: Annotated[
        list[str] | None,
        typer.Option("-C", metavar="DIR", help="Work as if started in DIR; may be repeated."),
    ] = None,
    *,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No narration and no progress, only the answer.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colour (or set NO_COLOR).")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    install_completion: Annotated[
        str | None,
        typer.Option(metavar="SHELL", help="Set up completion for bash, zsh or fish."),
    ] = None,
    show_completion: Annotated[
        str | None, typer.Option(metavar="SHELL", help="Print that set-up instead.")
    ] = None,
) -> None:
    """Several coding agents, one repository: each in its own git worktree, nothing lost."""
    asked = asked_of(ctx)
    asked.moves += [move for move in moves or [] if move]
    asked.quiet |= quiet
    asked.no_color |= no_color
    if version:
        typer.echo(f"gitcoord {__version__}")
    elif install_completion is not None or show_completion is not None:
        _set_up_completion(ctx, install_completion, show_completion)
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
    else:
        return
    raise typer.Exit


def _set_up_completion(ctx: typer.Context, install: str | None, show: str | None) -> None:
    from typer._completion_shared import get_completion_script
    from typer._completion_shared import install as put_in_place

    shell = install or show or ""
    if shell not in ("bash", "zsh", "fish"):
        raise BadInput(
            f"no completion for the shell {shell!r}" if shell else "which shell is not known",
            hint="name bash, zsh or fish: gitcoord --show-completion bash",
        )
    if install is None:
        for program in _PROGRAMS:
            variable = _variable(program)
            typer.echo(get_completion_script(prog_name=program, complete_var=variable, shell=shell))
        typer.echo(_BASH_UNDER_GIT if shell == "bash" else "")
        return
    for program in _PROGRAMS:
        _, path = put_in_place(shell=shell, prog_name=program)
        if shell == "bash" and program == _PROGRAMS[-1]:
            path.write_text(path.read_text() + _BASH_UNDER_GIT)
    typer.echo(f"completion for {shell} is in {path.parent}; it works in the next shell", err=True)


def _variable(program: str) -> str:
    return f"_{program}_COMPLETE".replace("-", "_").upper()


def _add_everywhere(command: Any, options: list[Any]) -> None:
    command.params += options
    for inner in getattr(command, "commands", {}).values():
        _add_everywhere(inner, options)


def _everywhere() -> list[Any]:
    """`-q` and `--no-color` as parameters of any command: parsed by it, shown by the root."""
    app = family()

    @app.command()
    def anywhere(
        *,
        quiet: Annotated[
            bool,
            typer.Option("--quiet", "-q", hidden=True, expose_value=False, callback=_be_quiet),
        ] = False,
        no_color: Annotated[
            bool,
            typer.Option("--no-color", hidden=True, expose_value=False, callback=_be_plain),
        ] = False,
    ) -> None: ...

    return list(get_command(app).params)


def _refuse_empty(command: Any, words: list[str]) -> None:
    """Raise BadInput on `--from ""`: what a shell makes of a variable that is not set."""
    words = words[: words.index("--")] if "--" in words else words
    takes = {name for param in _options(command) for name in param.opts}
    for word, following in pairwise([*words, "…"]):
        option, equals, value = word.partition("=")
        if option in takes and (value if equals else following) == "":
            raise BadInput(
                f"{option} was given an empty value",
                hint=f"give it one, or leave it out; is a variable not set? see: "
                f"gitcoord {command.name} --help",
            )


def _options(command: Any) -> list[Any]:
    """Those that take a value, of the command and of its verbs."""
    inner = [one for verb in getattr(command, "commands", {}).values() for one in _options(verb)]
    own = [
        param
        for param in command.params
        if getattr(param, "is_flag", None) is False and param.name != _MAY_BE_EMPTY
    ]
    return [*own, *inner]


def _be_quiet(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        asked_of(ctx).quiet = True


def _be_plain(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        asked_of(ctx).no_color = True


def _unknown(verb: str, verbs: list[str], program: str) -> BadInput:
    near = get_close_matches(verb, verbs, n=3, cutoff=0.5)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    return BadInput(f"there is no command {verb!r}", hint=f"{guess}all of them: {program} --help")


def _in_our_words(refusal: Any) -> BadInput:
    """typer's refusal as one line of what was wrong and one of what would be right."""
    said, _, near = refusal.format_message().strip().rstrip(".?").partition(". Did you mean ")
    context = getattr(refusal, "ctx", None)
    near = " or ".join(getattr(refusal, "possibilities", None) or ()) or near
    hints = [f"did you mean {near}?"] if near else []
    if hasattr(refusal, "possibilities") and hasattr(refusal, "option_name"):
        said = f"there is no option {refusal.option_name}"
        before = context is not None and isinstance(context.command, Front)
        if before and refusal.option_name in _AFTER_THE_VERB:
            hints = [f"it goes after the verb: gitcoord VERB {refusal.option_name};"]
        elif refusal.option_name == "-C":
            hints = ["it goes before the verb: gitcoord -C DIR VERB;"]
        elif context and not isinstance(context.command, TyperGroup):
            hints.append("a word that begins with a dash goes after --;")
    hints.append(f"see: {context.command_path if context else 'gitcoord'} --help")
    return BadInput(said[:1].lower() + said[1:], hint=" ".join(hints))
