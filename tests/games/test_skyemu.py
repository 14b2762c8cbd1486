"""SkyEmu's own ways, each as it was seen on a real one."""

from __future__ import annotations

import socket
import threading

import pytest
from tests.games.skyemu_stand_in import SkyEmuStandIn, running

from understudy.errors import EmulatorError
from understudy.games.emulators.skyemu import SkyEmuEmulator


@pytest.fixture(params=[True, False], ids=["says-close", "closes-silently"])
def server(request):
    stand_in = SkyEmuStandIn(says_close=request.param)
    with running(stand_in) as url:
        yield stand_in, url


@pytest.fixture
def emulator(server, rom):
    emulator = SkyEmuEmulator(server[1])
    emulator.load(rom)
    emulator.run(90)
    yield emulator
    emulator.close()


def test_a_connection_is_given_up_after_five_requests_and_no_step_is_lost(server, emulator):
    stand_in, _ = server
    before = int.from_bytes(emulator.read(0xC000, 2), "little")
    for _ in range(23):
        emulator.run(1)
    assert int.from_bytes(emulator.read(0xC000, 2), "little") == before + 23
    assert stand_in.connections >= len(stand_in.commands) // 5


def test_an_input_that_stuck_before_is_let_go_when_a_rom_is_loaded(server, rom):
    stand_in, url = server
    stand_in.inputs["A"] = 1.0
    emulator = SkyEmuEmulator(url)
    emulator.load(rom)
    assert set(stand_in.inputs.values()) == {0.0}
    emulator.close()


def test_buttons_go_by_the_names_that_skyemu_knows(server, emulator):
    stand_in, _ = server
    seen = []
    answer = stand_in.answer

    def listen(command, query):
        if command == "input":
            seen.extend(name for name, _ in query)
        return answer(command, query)

    stand_in.answer = listen
    emulator.press(["start", "select", "up", "a"], 1)
    assert set(seen) == {"Start", "Select", "Up", "A"}


def test_a_failure_with_status_200_is_an_error(server, emulator):
    stand_in, _ = server
    stand_in.stop()
    for ask in (
        emulator.screen,
        emulator.save_state,
        lambda: emulator.run(1),
        lambda: emulator.read(0xC000, 2),
        lambda: emulator.write(0xC000, b"\0"),
    ):
        with pytest.raises(EmulatorError, match=r"Failed \(no ROM loaded\)"):
            ask()


def test_a_rom_that_fails_to_load_leaves_nothing_to_go_on_with(server, emulator, rom):
    stand_in, _ = server
    stand_in._load_rom = lambda query: (stand_in.stop(), "failed")[1]
    with pytest.raises(EmulatorError, match=r"could not load .*it said 'failed'"):
        emulator.load(rom)
    with pytest.raises(EmulatorError, match="no ROM is loaded"):
        emulator.run(1)


def test_a_server_that_is_not_there_is_named(rom):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = SkyEmuEmulator(f"http://127.0.0.1:{port}")
    with pytest.raises(EmulatorError, match=f"SkyEmu at http://127.0.0.1:{port} does not answer"):
        emulator.load(rom)
    emulator.close()


def test_a_server_that_dies_within_a_step_is_an_error_and_the_step_is_not_sent_again(rom):
    stand_in = SkyEmuStandIn()
    with running(stand_in) as url:
        emulator = SkyEmuEmulator(url)
        emulator.load(rom)
        answer = stand_in.answer

        def die(command, query):
            if command == "step":
                stand_in.commands.append("died")
                raise ConnectionAbortedError
            return answer(command, query)

        stand_in.answer = die
        with pytest.raises(EmulatorError, match="does not answer"):
            emulator.run(1)
        assert stand_in.commands.count("died") == 1
        emulator.close()


def test_something_else_that_answers_is_refused(rom):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        emulator = SkyEmuEmulator(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(EmulatorError, match="status 404; it is not the control server"):
            emulator.load(rom)
        emulator.close()
        thread.join()


@pytest.mark.parametrize("url", ["", "localhost:8080", "https://localhost:8080", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(EmulatorError, match=r"set games\.skyemu_url"):
        SkyEmuEmulator(url)
