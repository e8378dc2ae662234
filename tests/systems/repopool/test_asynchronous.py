"""The manager for event loops (SPEC W1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from yaoki.core import deadline
from yaoki.systems.repopool import AsyncPoolManager, PoolManager, SlotState
from yaoki.systems.repopool.errors import NoAvailableSlotError, StaleLeaseError

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"
NOT_ASYNC = {"from_config_file", "quarantine", "recovery_loop", "note_recovery", "doctor", "collector"}
"""Parts for services; they are the manager's own."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a thread has come so far."""
    while not condition():  # noqa: ASYNC110  # what is waited for is in a file
        await asyncio.sleep(0.005)  # what is waited for is in a file


def test_it_has_every_method_of_the_manager() -> None:
    """SPEC W1: sync and async are one interface."""
    methods = {name for name in vars(PoolManager) if not name.startswith("_")} - NOT_ASYNC

    assert methods <= {name for name in dir(AsyncPoolManager) if not name.startswith("_")}


def test_allocate_work_release(make_manager: Make) -> None:
    """SPEC W1: as in a thread."""
    manager = AsyncPoolManager(make_manager(slots=1))

    async def main() -> None:
        slot = await manager.allocate_slot("web", {"job": 1})
        assert (await manager.get_slot_status(ONE)).state is SlotState.ALLOCATED
        with pytest.raises(NoAvailableSlotError):
            await manager.allocate_slot("web")
        await manager.release(slot)
        with pytest.raises(StaleLeaseError):
            await manager.release(slot)
        assert (await manager.auto_recover())["errors"] == []
        assert await manager.recover_slot(ONE) is True
        assert (await manager.get_pool("web")).slots[0].is_available()

    asyncio.run(main())


def test_a_lease_is_an_async_block(make_manager: Make) -> None:
    """SPEC W1: released at its end, also if it fails."""
    manager = AsyncPoolManager(make_manager(slots=1))

    async def work() -> None:
        async with manager.lease("web", timeout=10.0) as slot:
            assert slot.state is SlotState.ALLOCATED
            raise KeyError("work")

    with pytest.raises(KeyError):
        asyncio.run(work())
    assert manager.manager.get_pool("web").slots[0].is_available()


def test_many_coroutines_share_the_slots_of_one_pool(make_manager: Make) -> None:
    """SPEC W1: the loop is never blocked by a wait."""
    manager = AsyncPoolManager(make_manager(slots=2))
    holders: set[str] = set()

    async def work() -> None:
        async with manager.lease("web", timeout=50.0) as slot:
            assert slot.slot_id not in holders
            holders.add(slot.slot_id)
            await asyncio.sleep(0)
            holders.remove(slot.slot_id)

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(6)))

    asyncio.run(main())


def test_whoever_is_cancelled_while_he_waits_leaves_the_queue(make_manager: Make) -> None:
    """SPEC W1: and takes no slot with him."""
    manager = AsyncPoolManager(make_manager(slots=1))
    store = manager.manager._resources.store

    async def main() -> None:
        slot = await manager.allocate_slot("web")
        task = asyncio.create_task(manager.allocate_slot("web", timeout=3600.0))
        await until(lambda: bool(store.tickets("web")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not store.tickets("web"))
        await manager.release(slot)
        await manager.release(await manager.allocate_slot("web"))

    asyncio.run(main())


def test_the_deadline_of_the_caller_ends_his_wait(make_manager: Make) -> None:
    """SPEC T1: the thread that waits for him knows it."""
    manager = AsyncPoolManager(make_manager(slots=1))

    async def main() -> None:
        await manager.allocate_slot("web")
        with deadline.within(0.02), pytest.raises(NoAvailableSlotError):
            await manager.allocate_slot("web", timeout=3600.0)

    asyncio.run(main())
