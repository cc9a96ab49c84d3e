"""The scripted model, asked by the real clients: what it plays is what they understand."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import BadInput
from gitcoord.testing.request import Request
from gitcoord.testing.script import conversations_of, scripted_prompt, turn_of
from gitcoord.testing.server import ModelServer, Script, script_file

WORDS = ["user", "assistant", "model", "text", "tool_result", "function_call_output"]
KEYS = st.sampled_from(["role", "content", "parts", "type", "text", "output"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(WORDS)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
READ = {"name": "read", "input": {"path": "src/auth.py"}}
LIST = {"name": "list", "input": {}}
TOOLS = [{"name": "read", "description": "Read.", "input_schema": {"type": "object"}}]


class Model:
    """A client of the `anthropic` package at a scripted server."""

    def __init__(self, server: ModelServer, retries: int) -> None:
        import anthropic

        self.server = server
        self.client = anthropic.Anthropic(
            base_url=server.url, api_key="made up", max_retries=retries, timeout=60
        )

    def ask(self, *said: Mapping[str, Any] | str, streamed: bool = True, **more: Any) -> Any:
        """What the model answers. said: messages; a string is the user's."""
        asked: dict[str, Any] = {
            "model": "claude-opus-5-5",
            "max_tokens": 1000,
            "messages": [
                {"role": "user", "content": one} if isinstance(one, str) else one for one in said
            ],
            **more,
        }
        if not streamed:
            return self.client.messages.create(**asked)
        with self.client.messages.stream(**asked) as stream:
            return stream.get_final_message()


@contextmanager
def serving(script: Script, *, retries: int = 0) -> Iterator[Model]:
    with ModelServer(script) as server:
        model = Model(server, retries)
        try:
            yield model
        finally:
            model.client.close()


def after(answer: Any, *results: str) -> list[Mapping[str, Any]]:
    """The messages that follow on an answer with tool calls."""
    calls = [block for block in answer.content if block.type == "tool_use"]
    content = [
        {"type": "tool_result", "tool_use_id": call.id, "content": result}
        for call, result in zip(calls, results, strict=True)
    ]
    return [
        {"role": "assistant", "content": answer.to_dict()["content"]},
        {"role": "user", "content": content},
    ]


class TestTurns:
    @pytest.mark.parametrize("streamed", [True, False])
    def test_blocks_of_every_kind_arrive_as_written(self, streamed: bool) -> None:
        turn = {"thinking": "Hm.", "text": "I look. " * 900, "tools": [READ, LIST]}
        with serving([turn]) as model:
            answer = model.ask("Find it", streamed=streamed)
        assert [block.type for block in answer.content] == [
            *("thinking", "text", "tool_use", "tool_use")
        ]
        thinking, text, first, second = answer.content
        assert thinking.thinking == "Hm." and thinking.signature
        assert text.text == turn["text"]
        assert (first.name, first.input) == ("read", READ["input"])
        assert (second.name, second.input) == ("list", {})
        assert first.id != second.id
        assert answer.stop_reason == "tool_use"

    @pytest.mark.parametrize("streamed", [True, False])
    def test_the_step_is_read_from_the_messages(self, streamed: bool) -> None:
        with serving([{"tools": [READ]}, {"tools": [LIST]}, "Done"]) as model:
            said: list[Any] = ["Find it"]
            for _ in range(2):
                answer = model.ask(*said, streamed=streamed)
                said += after(answer, "here")
            assert model.ask(*said, streamed=streamed).content[0].text == "Done"
            again = model.ask(*said[:3], streamed=streamed)
            assert again.content[0].name == "list", "asked again, it says the same again"
            assert model.server.requests[2].results == ("here",)
            assert model.server.requests[2].prompt == "Find it"

    @pytest.mark.parametrize(
        "stop",
        ["end_turn", "max_tokens", "stop_sequence", "pause_turn", "refusal", "tool_use",
         "model_context_window_exceeded"],
    )  # fmt: skip
    def test_every_stop_reason(self, stop: str) -> None:
        with serving([{"text": "So far", "stop": stop}]) as model:
            assert model.ask("Go").stop_reason == stop

    def test_usage_of_four_kinds_is_the_turns_own(self) -> None:
        usage = {"input": 7, "output": 11, "cache_read": 13, "cache_write": 17}
        with serving([{"text": "Done", "usage": usage}]) as model:
            used = model.ask("Go").usage
        assert (used.input_tokens, used.output_tokens) == (7, 11)
        assert (used.cache_read_input_tokens, used.cache_creation_input_tokens) == (13, 17)

    def test_a_cache_of_prompts_is_billed_as_one(self) -> None:
        system = [{"type": "text", "text": "Be", "cache_control": {"type": "ephemeral"}}]
        with serving([{"tools": [READ]}, {"text": "Done", "again": True}]) as model:
            first = model.ask("Go", system=system, tools=TOOLS)
            said: list[Any] = ["Go", *after(first, "here " * 100)]
            second = model.ask(*said, system=system, tools=TOOLS)
            changed = model.ask(*said, system=system, tools=[*TOOLS, {**TOOLS[0], "name": "x"}])
        assert first.usage.cache_read_input_tokens == 0
        assert second.usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens + 1
        assert second.usage.cache_creation_input_tokens > 0
        assert changed.usage.cache_read_input_tokens == 0

    def test_tokens_are_counted(self) -> None:
        with serving(["Done"]) as model:
            messages: Any = [{"role": "user", "content": "x" * 4000}]
            counted = model.client.messages.count_tokens(model="any", messages=messages)
        assert 1000 <= counted.input_tokens < 1100

    def test_input_of_a_tool_that_is_no_json(self) -> None:
        raw = '{"path": "a'
        with serving([{"tools": [{"name": "read", "raw": raw}]}]) as model:
            asked: Any = {
                "model": "any",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "Go"}],
            }
            with model.client.messages.create(**asked, stream=True) as stream:
                deltas = [one.delta for one in stream if one.type == "content_block_delta"]
        assert "".join(delta.partial_json for delta in deltas) == raw

    def test_huge_output(self) -> None:
        with serving([{"huge": 3_000_000}]) as model:
            assert len(model.ask("Go").content[0].text) == 3_000_000


class TestConversations:
    SCRIPT: Mapping[str, Any] = {
        "conversations": [
            {"name": "one", "when": "You are one", "turns": ["I am one"]},
            {"name": "two", "when": "You are two", "turns": ["I am two"]},
        ],
        "turns": ["I am anyone"],
    }

    def test_each_is_known_by_its_opening_words(self) -> None:
        with serving(self.SCRIPT) as model:
            for who in ("one", "two"):
                answer = model.ask("Go", system=f"You are {who}.")
                assert answer.content[0].text == f"I am {who}"
            assert model.ask("Go").content[0].text == "I am anyone"
            assert model.ask("<scripted>two</scripted>").content[0].text == "I am two"

    def test_a_script_travels_in_the_prompt_and_a_later_one_takes_over(self) -> None:
        first = scripted_prompt([{"tools": [READ]}, "First </scripted> done"])
        second = scripted_prompt(["Second done"])
        with serving([]) as model:
            answer = model.ask(f"Find it. {first}")
            said: list[Any] = [f"Find it. {first}", *after(answer, "here")]
            done = model.ask(*said)
            assert done.content[0].text == "First </scripted> done"
            said += [{"role": "assistant", "content": done.content[0].text}, f"More. {second}"]
            assert model.ask(*said).content[0].text == "Second done"

    def test_a_script_may_be_a_function(self) -> None:
        def echo(request: Request) -> Any:
            return f"{request.system}: {request.prompt}"

        with serving(echo) as model:
            assert model.ask("Hello", system="Echo").content[0].text == "Echo: Hello"

    def test_a_function_that_fails_is_heard_of_when_the_server_ends(self) -> None:
        import anthropic

        def wrong(request: Request) -> Any:
            assert request.prompt == "Stop"

        refused = pytest.raises(anthropic.BadRequestError, match="the script failed")
        with pytest.raises(AssertionError, match="Go"), serving(wrong) as model, refused:
            model.ask("Go")

    def test_calls_are_counted_for_clients_that_shorten_their_history(self) -> None:
        script = {"conversations": [{"count": "calls", "turns": ["One", "Two"]}]}
        with serving(script) as model:
            assert [model.ask("Go").content[0].text for _ in "12"] == ["One", "Two"]

    def test_outside_of_the_script_is_an_error_and_no_answer(self) -> None:
        import anthropic

        with serving(["Done"]) as model, pytest.raises(anthropic.BadRequestError, match="1 turns"):
            model.ask("Go", {"role": "assistant", "content": "Done"}, "More")

    def test_fifty_at_once(self) -> None:
        """Each gets its own answers, whatever the others do meanwhile."""

        def own(request: Request) -> Any:
            return {"text": request.prompt, "wait": 0.05}

        with serving(own) as model, ThreadPoolExecutor(50) as pool:
            names = [f"agent {number}" for number in range(50)]
            answers = pool.map(lambda name: model.ask(name).content[0].text, names)
            assert list(answers) == names


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "name"),
        [
            (400, "BadRequestError"), (401, "AuthenticationError"), (402, "PaymentRequiredError"),
            (403, "PermissionDeniedError"), (404, "NotFoundError"), (413, "ContentTooLargeError"),
            (429, "RateLimitError"), (500, "InternalServerError"), (529, "OverloadedError"),
        ],
    )  # fmt: skip
    def test_every_error_is_the_one_it_says(self, status: int, name: str) -> None:
        import anthropic

        with serving([{"error": status, "message": "No."}]) as model:
            with pytest.raises(anthropic.APIStatusError, match=r"No\.") as raised:
                model.ask("Go")
            assert (raised.value.status_code, type(raised.value).__name__) == (status, name)

    def test_failures_come_first_and_once(self) -> None:
        late = {"retry_after_ms": 1}
        fail = [{"drop": 0}, {"error": 429, **late}, {"error": 529, **late}]
        with serving([{"fail": fail, "text": "Done"}], retries=3) as model:
            assert model.ask("Go").content[0].text == "Done"
            counts = [r.headers["x-stainless-retry-count"] for r in model.server.requests]
            assert counts == ["0", "1", "2", "3"]

    def test_a_usage_limit_says_when_it_ends(self) -> None:
        import anthropic

        ends = "2100-01-01T00:00:00Z"
        with serving([{"error": 429, "until": ends}]) as model:
            with pytest.raises(anthropic.RateLimitError) as raised:
                model.ask("Go")
            headers = raised.value.response.headers
            assert headers["anthropic-ratelimit-tokens-reset"] == ends
            assert headers["anthropic-ratelimit-unified-reset"] == "4102444800"
            assert int(headers["retry-after"]) > 10**9

    @pytest.mark.parametrize("streamed", [True, False])
    def test_the_connection_is_cut_in_the_middle(self, streamed: bool) -> None:
        import httpx2
        from anthropic import APIConnectionError

        cut = pytest.raises((httpx2.RemoteProtocolError, APIConnectionError))
        with serving([{"text": "Half", "drop": 3}]) as model, cut:
            model.ask("Go", streamed=streamed)

    def test_an_error_event_in_the_middle(self) -> None:
        import anthropic

        busy = pytest.raises(anthropic.APIStatusError, match="Too busy")
        with serving([{"text": "Half", "broken": 3, "message": "Too busy"}]) as model, busy:
            model.ask("Go")

    @pytest.mark.parametrize("part", ["event", "body"])
    def test_what_comes_is_no_json(self, part: str) -> None:
        turn = {"text": "Done", "malformed": part}
        with serving([turn]) as model, pytest.raises(ValueError):
            model.ask("Go", streamed=part == "event")

    def test_a_slow_first_byte_and_slow_events_meet_a_time_limit(self) -> None:
        import anthropic
        import httpx2

        for turn in ({"wait": 30}, {"text": "Slow", "pace": 30}):
            with serving([turn]) as model:
                model.client = model.client.with_options(timeout=0.1)
                with pytest.raises((anthropic.APITimeoutError, httpx2.ReadTimeout)):
                    model.ask("Go")


def post(url: str, body: Any) -> bytes:
    """What another program would get, as it comes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(url, raw, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        read: bytes = answer.read()
    return read


def events(raw: bytes) -> list[Any]:
    """The bodies of server-sent events."""
    lines = (line for line in raw.decode().splitlines() if line.startswith("data: "))
    return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


class TestOtherApis:
    """The programs themselves are asked in tests/real_agents; here, what they rely on."""

    SCRIPT = ({"thinking": "Hm.", "text": "I look.", "tools": [READ]}, "Done")

    def test_responses(self) -> None:
        patch = {"tools": [{"name": "apply_patch", "input": "*** Begin Patch\n"}]}
        with ModelServer([*self.SCRIPT, patch]) as server:
            url = f"{server.url}/v1/responses"
            asked: dict[str, Any] = {
                "model": "gpt", "stream": True, "instructions": "Be.",
                "tools": [{"type": "custom", "name": "apply_patch"}],
                "input": [{"type": "message", "role": "user", "content": "Go"}],
            }  # fmt: skip
            first = events(post(url, asked))
            assert first[0]["type"] == "response.created"
            assert first[-1]["type"] == "response.completed"
            output = first[-1]["response"]["output"]
            assert [one["type"] for one in output] == ["reasoning", "message", "function_call"]
            assert json.loads(output[2]["arguments"]) == READ["input"]
            call = output[2]["call_id"]
            result = {"type": "function_call_output", "call_id": call, "output": "here"}
            asked["input"] += [*output, result]
            second = events(post(url, asked))[-1]["response"]
            assert second["output"][0]["content"][0]["text"] == "Done"
            asked["input"] += second["output"]
            [third] = events(post(url, asked))[-1]["response"]["output"]
            assert (third["type"], third["input"]) == ("custom_tool_call", "*** Begin Patch\n")
            assert [request.answers for request in server.requests] == [0, 1, 2]
            assert server.requests[1].results == ("here",)

    @pytest.mark.parametrize("streamed", [True, False])
    def test_chat(self, streamed: bool) -> None:
        with ModelServer(self.SCRIPT) as server:
            url = f"{server.url}/v1/chat/completions"
            asked: dict[str, Any] = {
                "model": "gpt", "stream": streamed, "stream_options": {"include_usage": True},
                "messages": [{"role": "system", "content": "Be."},
                             {"role": "user", "content": [{"type": "text", "text": "Go"}]}],
            }  # fmt: skip
            raw = post(url, asked)
            if streamed:
                first = events(raw)
                deltas = [c["delta"] for one in first for c in one["choices"]]
                calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
                assert "".join(delta.get("content") or "" for delta in deltas) == "I look."
                assert raw.endswith(b"data: [DONE]\n\n")
                assert first[-1]["usage"]["completion_tokens"] > 0
            else:
                message = json.loads(raw)["choices"][0]["message"]
                calls = message["tool_calls"]
                assert message["content"] == "I look."
            arguments = "".join(call["function"]["arguments"] for call in calls)
            assert json.loads(arguments) == READ["input"]
            asked["messages"] += [
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "tool_call_id": calls[0]["id"], "content": "here"},
            ]
            asked["stream"] = False
            answer = json.loads(post(url, asked))
            assert answer["choices"][0]["message"]["content"] == "Done"
            assert answer["choices"][0]["finish_reason"] == "stop"

    def test_gemini(self) -> None:
        with ModelServer(self.SCRIPT) as server:
            url = f"{server.url}/v1beta/models/gemini-x"
            asked: dict[str, Any] = {
                "systemInstruction": {"parts": [{"text": "Be."}]},
                "contents": [{"role": "user", "parts": [{"text": "Go"}]}],
            }
            first = events(post(f"{url}:streamGenerateContent?alt=sse", asked))
            parts = [p for one in first for p in one["candidates"][0]["content"]["parts"]]
            [call] = [part["functionCall"] for part in parts if "functionCall" in part]
            assert call == {"name": "read", "args": READ["input"]}
            assert first[-1]["candidates"][0]["finishReason"] == "STOP"
            response = {"functionResponse": {"name": "read", "response": {"output": "here"}}}
            asked["contents"] += [
                {"role": "model", "parts": [{"functionCall": call}]},
                {"role": "user", "parts": [response]},
            ]
            done = json.loads(post(f"{url}:generateContent", asked))
            assert done["candidates"][0]["content"]["parts"] == [{"text": "Done"}]
            assert server.requests[0].model == "gemini-x"
            assert server.requests[0].system == "Be."

    @pytest.mark.parametrize("path", ["responses", "chat/completions", "x:generateContent"])
    def test_errors_have_the_shape_of_the_api(self, path: str) -> None:
        with ModelServer([{"error": 401, "message": "No."}]) as server:
            with pytest.raises(urllib.error.HTTPError) as raised:
                post(f"{server.url}/v1/{path}", {})
            with raised.value as answer:
                assert answer.code == 401
                assert json.loads(answer.read())["error"]["message"] == "No."

    def test_the_folder_that_a_program_says_it_works_in(self) -> None:
        turn = {"tools": [{"name": "Write", "input": {"file_path": "{{cwd}}/a.py"}}]}
        with ModelServer([turn]) as server:
            for words in ("<cwd>/home/w</cwd>", " - Primary working directory: /home/w\n"):
                asked = {"messages": [{"role": "user", "content": words}]}
                answer = json.loads(post(f"{server.url}/v1/messages", asked))
                assert answer["content"][0]["input"] == {"file_path": "/home/w/a.py"}


class TestBadInput:
    @given(
        body=st.dictionaries(
            st.sampled_from(["messages", "input", "contents", "system", "instructions"]), JSON
        ),
        api=st.sampled_from(["messages", "chat", "responses", "gemini"]),
    )
    def test_whatever_comes_is_read_or_refused(self, body: dict[str, Any], api: str) -> None:
        request = Request(api, "/", {}, json.dumps(body).encode())
        with suppress(ValueError):
            assert 0 <= request.answers <= len(request.said)
            assert isinstance(request.opening + request.conversation + request.folder, str)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
    def test_a_body_that_cannot_be_unpacked(self, encoding: str) -> None:
        with ModelServer(["Done"]) as server:
            headers = {"content-encoding": encoding}
            asked = urllib.request.Request(f"{server.url}/v1/messages", b"none", headers)
            with pytest.raises(urllib.error.HTTPError, match=r"4(00|15)") as raised:
                urllib.request.urlopen(asked, timeout=60)
            raised.value.close()

    @pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"messages": [3]}'])
    def test_a_body_that_is_no_request(self, body: bytes) -> None:
        with ModelServer(["Done"]) as server:
            with pytest.raises(urllib.error.HTTPError, match="400") as raised:
                post(f"{server.url}/v1/messages", body)
            raised.value.close()
            asked = {"messages": [{"role": "user", "content": "Go"}]}
            assert b"Done" in post(f"{server.url}/v1/messages", asked), "it goes on serving"

    def test_a_port_that_is_taken(self) -> None:
        with ModelServer([]) as server, pytest.raises(OSError), ModelServer([], port=server.port):
            pass

    def test_a_path_that_is_not_served(self) -> None:
        with ModelServer(["Done"]) as server:
            with pytest.raises(urllib.error.HTTPError, match="404") as raised:
                post(f"{server.url}/v1/embeddings", {})
            raised.value.close()

    @pytest.mark.parametrize(
        "said", [{"txet": "typo"}, {"stop": "soon"}, {"content": [{"nothing": 1}]}]
    )
    def test_a_turn_that_is_none(self, said: Any) -> None:
        with pytest.raises(BadInput):
            turn_of(said)

    def test_a_script_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput):
            conversations_of("words")
        for name in ("a.json", "a.toml"):
            (tmp_path / name).write_text("{]")
            with pytest.raises(BadInput, match=name):
                script_file(tmp_path / name)
        (tmp_path / "a.py").write_text("x = 1\n")
        with pytest.raises(BadInput, match="turn"):
            script_file(tmp_path / "a.py")


class TestProgram:
    def test_it_prints_its_port_and_serves_until_ended(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text("def turn(request):\n    return 'You said ' + request.prompt\n")
        command = [sys.executable, "-m", "gitcoord.testing.server", "--script", str(script)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            asked = {"messages": [{"role": "user", "content": "hello"}]}
            answer = json.loads(post(f"http://127.0.0.1:{port}/v1/messages", asked))
            server.terminate()
        assert answer["content"][0]["text"] == "You said hello"
