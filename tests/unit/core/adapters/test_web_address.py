"""Which addresses may be asked for, in which spelling, and which machines are never asked."""

import pytest

from core.adapters.stores.web_address import is_public, parse, redact_credentials


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a b.jpg?x=ü#part", "https://example.org/a%20b.jpg?x=%C3%BC"),
        ("https://example.org:8443/%E2%82%AC%zz", "https://example.org:8443/%E2%82%AC%25zz"),
        ("https://bücher.example/ä.png", "https://xn--bcher-kva.example/%C3%A4.png"),
        (" http://[2001:DB8::1]:81/a ", "http://[2001:db8::1]:81/a"),
        ("http://my_bucket.example.org./A", "http://my_bucket.example.org/A"),
        ("http://example.org?a=1&b=2", "http://example.org/?a=1&b=2"),
    ],
)
def test_one_spelling(text: str, spelled: str) -> None:
    assert str(parse(text)) == spelled
    assert parse(spelled) == parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not an http"),
        ("file:///etc/passwd", "not an http"),
        ("//example.org/a", "not an http"),
        ("http:///a", "names no host"),
        ("http://example.org:99999/", "malformed"),
        ("http://example.org:0/", "names no host"),
        ("http://user:secret@example.org/", "user name or password"),
        ("http://example.org\\@127.0.0.1/", "backslashes"),
        ("http://exa\nmple.org/", "control characters"),
        ("http://a..b/", "no name"),
        ("http://xn--a\u2100/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://example.org/" + "a" * 9000, "over the limit"),
    ],
)
def test_what_is_no_address(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as error:
        parse(text)
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError):
        parse(redact_credentials(text))


def test_credentials_are_kept_out_of_records() -> None:
    assert redact_credentials("http://me:secret@example.org/a@b") == "http://…@example.org/a@b"


@pytest.mark.parametrize("ip", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8"])
def test_public_machines(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    """127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 224.0.0.1
    ::1 :: fe80::1 fe80::1%eth0 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1
    64:ff9b::a9fe:a9fe 2002:7f00:1:: 192.0.2.1 198.18.0.1""".split(),
)
def test_machines_inside(ip: str) -> None:
    assert not is_public(ip)
