"""A memory's messages by role and day over HTTP, in bounded pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.memory_service.web.harness import Api, problem


async def fill(api: Api, threads: int, messages: int) -> None:
    for number in range(threads):
        batch = [
            {
                "role": "user" if at % 2 else "assistant",
                "content": "abcd",
                "timestamp": f"2026-01-0{at % 3 + 1}T10:00:00Z",
            }
            for at in range(messages)
        ]
        await api.ask("POST", f"threads/t{number}/messages", {"messages": batch})


async def stats(api: Api, **params: Any) -> dict[str, Any]:
    answer = await api.ask("GET", "stats", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_stats_group_messages_by_role(api: Api) -> None:
    await fill(api, 2, 3)
    found = await stats(api, group_by="role")
    assert found["groups"] == {
        "role": {"assistant": {"messages": 4, "tokens": 4}, "user": {"messages": 2, "tokens": 2}}
    }
    assert found["counted"] == {"threads": 2, "messages": 6, "damaged": 0}
    assert (found["messages"], found["truncated"], found["next_cursor"]) == (6, False, None)


async def test_stats_group_messages_by_day_or_by_both(api: Api) -> None:
    await fill(api, 1, 4)
    days = {"2026-01-01": {"messages": 2, "tokens": 2}}
    days |= {day: {"messages": 1, "tokens": 1} for day in ("2026-01-02", "2026-01-03")}
    assert (await stats(api, group_by="day"))["groups"] == {"day": days}
    assert list((await stats(api, group_by="role,day"))["groups"]) == ["role", "day"]


async def test_stats_without_group_by_have_no_groups(api: Api) -> None:
    assert not {"groups", "counted", "truncated", "next_cursor"} & (await stats(api)).keys()


async def test_a_look_that_is_not_enough_says_so_and_its_pages_add_up(api: Api) -> None:
    await fill(api, 5, 30)
    counted, pages, cursor = 0, 0, None
    while True:
        page = await stats(api, group_by="role", max_scan=40, **({"cursor": cursor} if cursor else {}))
        counted += sum(group["messages"] for group in page["groups"]["role"].values())
        pages, cursor = pages + 1, page["next_cursor"]
        assert page["truncated"] == (cursor is not None)
        if cursor is None:
            break
    assert (counted, pages > 2) == (150, True)


async def test_a_page_ends_when_clients_made_up_too_many_days(api: Api) -> None:
    for number in range(3):
        batch = [{"content": "x", "timestamp": f"{2000 + at}-0{number + 1}-01T00:00:00Z"} for at in range(600)]
        stored = await api.ask("POST", f"threads/t{number}/messages", {"messages": batch})
        assert stored.status_code == 200, stored.text
    first = await stats(api, group_by="day")
    assert (len(first["groups"]["day"]) < 1_800, first["truncated"]) == (True, True)
    rest = await stats(api, group_by="day", cursor=first["next_cursor"])
    assert len(first["groups"]["day"]) + len(rest["groups"]["day"]) == 1_800


@pytest.mark.parametrize(
    ("params", "path", "code"),
    [
        ({"group_by": "thread"}, "query:group_by", "invalid_parameter"),
        ({"group_by": "role", "max_scan": 0}, "query:max_scan", "invalid_parameter"),
        ({"group_by": "role", "max_scan": 100_001}, "query:max_scan", "invalid_parameter"),
        ({"max_scan": 5}, "query:max_scan", "invalid_parameter"),
        ({"cursor": "x"}, "query:cursor", "invalid_parameter"),
        ({"group_by": "role", "cursor": "x"}, "query:cursor", "invalid_cursor"),
        ({"group_by": "role", "cursor": "WyJzdGF0cyIsIm90aGVyIiwidCIsMCwwXQ"}, "query:cursor", "invalid_cursor"),
    ],
)
async def test_parameters_that_mean_nothing_are_refused_by_name(
    api: Api, params: dict[str, Any], path: str, code: str
) -> None:
    document = problem(await api.ask("GET", "stats", params=params), 400, code)
    assert document["errors"][0]["path"] == path
