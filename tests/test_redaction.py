"""Secrets in every form their makers give them, and what only looks like one.

All are made here by a seeded generator, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gitcoord
from gitcoord.redaction import Found, find_secrets, redact, without_controls

_random = random.Random(7)


def chars(count: int, of: str = string.ascii_letters + string.digits) -> str:
    return "".join(_random.choice(of) for _ in range(count))


def hexes(count: int) -> str:
    return chars(count, "0123456789abcdef")


def upper(count: int) -> str:
    return chars(count, string.ascii_uppercase + "234567")


def b64(count: int) -> str:
    return base64.b64encode(_random.randbytes(count)).decode()


def digits(count: int) -> str:
    return chars(count, "123456789")


BODY = base64.urlsafe_b64encode(b'{"sub":"42","name":"x"}').decode().rstrip("=")
SECRETS = {
    "atlassian": f"ATATT3xFfGF0{chars(170)}",
    "supabase": f"sbp_{hexes(40)}",
    "doppler": f"dp.pt.{chars(43)}",
    "heroku": f"HRKU-{chars(60)}",
    "newrelic": f"NRAK-{upper(27)}",
    "sentry": f"sntrys_{chars(100)}",
    "pulumi": f"pul-{hexes(40)}",
    "fly": f"FlyV1 fm2_{chars(200)}",
    "planetscale": f"pscale_tkn_{chars(43)}",
    "dynatrace": f"dt0c01.{upper(24)}.{upper(64)}",
    "azure_signature": f"https://a.blob.core.windows.net/c?sv=2020&sig={chars(43)}%3D",
    "token_header": f"Authorization: token {chars(20)}4{chars(19)}7",
    "docker_config": f'"auth": "{base64.b64encode(b"me:" + chars(16).encode()).decode()}"',
    "aws_id": f"AWS_ACCESS_KEY_ID=AKIA{upper(16)}",
    "aws_temporary": f"key: ASIA{upper(16)}",
    "aws_secret": f"aws_secret_access_key = {b64(30)}",
    "github_classic": f"token: ghp_{chars(36)}",
    "github_fine": f"github_pat_{chars(22)}_{chars(59)}",
    "github_oauth": f"gho_{chars(36)}",
    "github_app": f"ghs_{chars(36)}",
    "gitlab": f"GITLAB=glpat-{chars(20)}",
    "slack_bot": f"xoxb-{digits(12)}-{digits(12)}-{chars(24)}",
    "slack_hook": f"https://hooks.slack.com/services/T{upper(8)}/B{upper(8)}/{chars(24)}",
    "slack_app": f"xapp-1-A{upper(10)}-{digits(13)}-{hexes(64)}",
    "stripe": f"sk_live_{chars(24)}",
    "stripe_restricted": f"rk_live_{chars(24)}",
    "stripe_hook": f"whsec_{chars(32)}",
    "openai": f"OPENAI_API_KEY=sk-{chars(48)}",
    "openai_project": f"sk-proj-{chars(20)}_{chars(30)}-{chars(40)}",
    "anthropic": f"ANTHROPIC_API_KEY=sk-ant-api03-{chars(93)}AA",
    "google_key": f"AIza{chars(35)}",
    "google_token": f"ya29.{chars(60)}",
    "google_client": f"GOCSPX-{chars(28)}",
    "sendgrid": f"SG.{chars(22)}.{chars(43)}",
    "twilio": f"SK{hexes(32)}",
    "mailgun": f"key-{hexes(32)}",
    "npm": f"//registry.npmjs.org/:_authToken=npm_{chars(36)}",
    "pypi": f"pypi-AgEIcHlwaS5vcmc{chars(80)}",
    "huggingface": f"hf_{chars(34)}",
    "digitalocean": f"dop_v1_{hexes(64)}",
    "jwt": f"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.{BODY}.{chars(43)}",
    "rsa": f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{b64(60)}\n-----END RSA PRIVATE KEY-----",
    "openssh": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{b64(60)}\n-----END OPENSSH PRIVATE KEY-----",
    "pgp": f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ{b64(60)}",
    "key_in_json": f'"k": "-----BEGIN PRIVATE KEY-----\\n{b64(60)}\\n-----END PRIVATE KEY-----\\n"',
    "address": f"DATABASE_URL=postgres://app:{chars(14)}@db.example.com:5432/app",
    "azure": f"AccountName=x;AccountKey={b64(64)};EndpointSuffix=core.windows.net",
    "password": 'password = "kT9#xq2!mZ"',
    "json": f'{{"api_key": "{chars(32)}"}}',
    "django": f"DJANGO_SECRET_KEY='{chars(50)}'",
    "telegram": f"{digits(9)}:AA{chars(33)}",
    "discord": f"https://discord.com/api/webhooks/{digits(18)}/{chars(68)}",
    "vault": f"hvs.{chars(90)}",
    "databricks": f"dapi{hexes(32)}",
    "shopify": f"shpat_{hexes(32)}",
    "linear": f"lin_api_{chars(40)}",
    "basic": f"Authorization: Basic {base64.b64encode(b'admin:kT9xq2mZpq').decode()}",
    "docker": f"dckr_pat_{chars(27)}",
    "age": f"AGE-SECRET-KEY-1{upper(58)}",
    "square": f"sq0csp-{chars(43)}",
    "groq": f"gsk_{chars(52)}",
    "query": f"GET /cb?code=1&access_token={hexes(32)}&x=1",
    "header": f"X-Api-Key: {hexes(32)}",
}
LOOKALIKES = [
    hexes(40), f"commit {hexes(40)}", hexes(64), f"Merge: {hexes(7)} {hexes(7)}",
    f"sha256:{hexes(64)}", f"index {hexes(7)}..{hexes(7)} 100644", f"trace_id={hexes(32)}",
    f"span_id: {hexes(16)}", "request_id=6f1c2b3a-9d1e-4c55-8f2a-0b1c2d3e4f50",
    f'"integrity": "sha512-{b64(64)}"', f"    --hash=sha256:{hexes(64)}", f"h1:{b64(32)}",
    f'checksum = "{hexes(64)}"', f"data:image/png;base64,{b64(60)}",
    f"ssh-rsa AAAAB3NzaC1yc2E{b64(60)} ada@host", "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----", 'BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"',
    f"assert sha1(x).hexdigest() == '{hexes(40)}'", f"public_key = 'ed25519:{b64(32)}'",
    "password = request.form['password']", "def login(user, password):",
    "token = issue_token(user)", 'password: str = ""', 'api_key = os.environ["API_KEY"]',
    "secret = get_secret(name)", 'password="password"', "password: ${DB_PASSWORD}",
    "token: {{ secrets.TOKEN }}", 'PASSWORD = "changeme"', "if token is None:",
    'token = "<your token here>"', "api_key: YOUR_API_KEY", 'key = "primary_key_constraint"',
    '"token": "string"', "session_id = models.CharField(max_length=40)",
    "TOKEN_EXPIRED = 'token_expired_error'", "auth_token=auth_token,",
    "secretKey: process.env.SECRET_KEY", 'csrf_token = "csrfmiddlewaretoken"',
    "https://example.com/path?token=abc", "git@github.com:org/repo.git",
    "https://user@example.com/repo.git", "ada@example.com", "postgres://localhost:5432/app",
    "postgres://user:password@localhost/db", "redis://:@localhost",
    "investigation-login-fails-7q3f", "refs/heads/feature/a-long-branch-name-with-many-words-in-it",
    "com.example.project.service.impl.UserServiceImplFactory",
    "/usr/lib/python3.11/site-packages/some_package/plugins/high_entropy_strings.py",
    string.ascii_letters + string.digits, "version = '1.2.3-beta.4+build.5678'",
    'id="container-main-navigation-header-wrapper"', "risk-assessment-for-the-new-project-plan",
    "task-list-of-the-disk-manager", "sk-SK", "pk_test", "SG.com", "hf_hub_download",
    "password must be at least 8 characters", "the token was expired",
    "Bearer token authentication", "key-value-store-for-the-win-and-more", "AKIA is the prefix",
    "const API_KEY_HEADER = 'X-API-Key';", "password_hash = Column(String(128))",
    'PASSWORD_FIELD = "password_confirmation"', "uuid: 123e4567-e89b-12d3-a456-426614174000",
    'secret_name = "my-app/production/database"', "max_tokens=4096", "token_count: 15000000",
    "pwd = os.getcwd()", "PWD=/home/ada/projects/shop-2/v1/x9",
    "export SECRET_KEY=$(openssl rand -hex 32)", "password = getpass.getpass()",
    "apiKey: apiKey,", "self.password = password", "'password' => bcrypt($request->password)",
    "self, private_key: ed25519.Ed25519PrivateKey,", "ghp_" + "x" * 36,
    "AKIA" + "IOSFODNN7EXAMPLE", 'login("ada", password="test1234")',
    f'"resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz#{hexes(40)}"',
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("around", ["{}", "before {} after", 'x = "{}"', "({}),", "ä\n{}\n"])
def test_a_secret_is_found_and_replaced_wherever_it_stands(text: str, around: str) -> None:
    if '"' in around and '"' in text:
        around = "{}"
    whole = around.format(text)
    assert find_secrets(whole)
    masked = redact(whole)
    assert "[REDACTED:" in masked
    assert find_secrets(masked) == []
    assert redact(masked) == masked


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert find_secrets(text) == []
    assert redact(text) == text


def test_our_own_source_holds_none() -> None:
    package = Path(gitcoord.__file__).parent
    wrong = [
        (file.name, found)
        for file in package.rglob("*.py")
        for found in find_secrets(file.read_bytes(), file.name)
    ]
    assert wrong == []


def test_a_finding_tells_the_line_and_not_the_secret() -> None:
    key = SECRETS["github_oauth"]
    found = find_secrets(f"one\ntwo {key}\n\n{key}x\n".encode())
    assert found == [Found("github_token", 2), Found("github_token", 4)]
    assert key not in repr(found)


def test_names_stay_and_values_go() -> None:
    assert redact(SECRETS["json"]) == '{"api_key": "[REDACTED:secret]"}'
    assert redact(SECRETS["password"]) == 'password = "[REDACTED:password]"'
    assert redact(SECRETS["address"]).startswith("DATABASE_URL=postgres://app:[REDACTED:password]@")
    assert redact(SECRETS["rsa"]) == "[REDACTED:private_key]"


def test_what_the_last_version_had_does_not_count() -> None:
    old, new = SECRETS["vault"], SECRETS["linear"]
    assert find_secrets(f"{old}\n{new}\n", besides=f"x {old}") == [Found("linear_key", 2)]


def test_a_line_that_a_person_looked_at() -> None:
    assert find_secrets(f"{SECRETS['npm']}  # gitleaks:allow") == []
    assert find_secrets(f"{SECRETS['npm']}\n# gitleaks:allow") != []
    assert "[REDACTED:" in redact(f"{SECRETS['npm']}  # gitleaks:allow")


def test_in_a_lock_file_only_tokens_count() -> None:
    assert find_secrets(SECRETS["json"], "web/package-lock.json") == []
    assert find_secrets(SECRETS["npm"], "web/package-lock.json") != []


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_bytes_of_any_kind(code: str) -> None:
    assert find_secrets(SECRETS["openai"].encode(code))
    assert find_secrets(b"\xff\xfe\x00" + bytes(range(256)) * 20) == []
    assert find_secrets(b"\x00\xff" + SECRETS["openai"].encode())


@given(st.text(max_size=300) | st.text("eyJsk-_:=@/\"'. aA1tokenpasswordkey\n", max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    masked = redact(text)
    assert redact(masked) == masked
    assert (masked == text) == (find_secrets(text) == [])


@pytest.mark.parametrize(
    "seed",
    [
        "a", "eyJ", "-eyJ", "sk-", "token=", 'key="', "://a:", "://", "Bearer ", "Basic ",
        "-----BEGIN ", "-----BEGIN PRIVATE KEY-----\n", "1:AA", "password:", "AccountKey=",
        "xapp-1-A", "SG.", "api_key:=", "hooks.slack.com/services/T", "\x1b[", "\x1b]",
    ],
)  # fmt: skip
def test_nasty_texts_take_linear_time(seed: str) -> None:
    """Quadratic time would take minutes here; nothing is measured."""
    text = seed * (400_000 // len(seed))
    find_secrets(without_controls(text))
    assert isinstance(redact(text + "a" * 400_000), str)
