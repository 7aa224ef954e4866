"""Which tests run in a Raspberry Pi's userland, and why the others do not: every test file is in one of the two lists.

A folder stands for all its files, those that come later too.
"""

RUN_THERE = (
    *("pipeline", "sinks", "fuzz/test_findings.py"),
    *("contracts/test_registries.py", "contracts/test_mqtt_contract.py"),
    *("mqtt/test_outgoing.py", "mqtt/test_access.py", "mqtt/test_commands.py"),
    *("sources/test_resample.py", "sources/test_rawpcm.py", "sources/test_audiofile.py", "sources/test_occupancy.py"),
    *("sources/test_arrival.py", "sources/test_blockreading.py", "sources/test_pipereader.py"),
    *("test_golden.py", "test_demo_clip.py", "test_model.py", "test_config.py", "test_config_command.py"),
    *("test_clock.py", "test_losses.py", "test_outbox.py", "test_ring.py", "test_limits.py", "test_rhythm.py"),
    *("test_daemon.py", "test_wakeup.py", "test_host.py", "test_notify.py", "test_shortage.py"),
    *("test_assembly.py", "test_health.py"),
    *("test_checkup.py", "test_logs.py", "test_librarynoise.py"),
)
"""Files and folders below `tests`: what computes, what is read and written, and what the system is asked for."""
LEFT_OUT = {
    "a sound server, a broker or systemd, which are none of ours and not of the processor's": (
        *("live", "systemd", "endurance"),
        *("mqtt/test_acl_example.py", "mqtt/test_broker.py", "mqtt/test_check.py", "mqtt/test_ha_discovery.py"),
        *("mqtt/test_lightness.py", "mqtt/test_outages.py", "mqtt/test_privacy.py", "mqtt/test_service.py"),
        *("mqtt/test_service_live.py", "mqtt/test_silence.py", "mqtt/test_sink.py", "test_wall_clock.py"),
    ),
    "corpora or TensorFlow: nobody trains on a Pi": ("trainer", "test_shipped_model.py"),
    "the program started dozens of times, seconds each under qemu": (
        *("test_cli.py", "test_modeltrial.py", "test_poor_surroundings.py", "test_damaged_recordings.py"),
    ),
    "time as it goes, which qemu does not keep": (
        *("test_overload.py", "test_stopped_reader.py", "sources/test_command.py", "sources/test_microphone.py"),
    ),
    "the checkout, and not the program": (
        *("test_docs.py", "test_readme.py", "test_reliability_page.py", "test_footprint_page.py", "test_units.py"),
        *("test_dependencies.py", "test_make.py", "test_makefile.py", "test_arm64_selection.py"),
    ),
    "the benchmarks, and not the program": ("bench", "many", "test_board_estimate.py"),
    "templates of Home Assistant, of which the program's side is in the contract that runs there": (
        "contracts/test_homeassistant.py",
    ),
    "an installation, as this userland is one": ("test_installed.py", "arm64"),
}
"""Files and folders, by what they need or test."""
TESTS_LEFT_OUT = (
    # The whole clip or hundreds of examples again and again take minutes, of code that has no other path on arm64.
    *("events_are_equal_for_any_cutting", "within_an_open_gate_are_equal_for_any_cutting"),
    *("any_text_is_read_or_refused", "ends_come_with_the_frame_that_decides", "only_what_is_allowed_is_done"),
    # Starts the program without the environment that names the processor; what it compares is compared here.
    "transcript",
    # Clients beyond the bound must be hung up on within seconds, which qemu beside other programs does not keep.
    "that_say_nothing_get_few_threads",
    # A limit on addresses would be one on qemu, which keeps it from the kernel.
    "limits_that_are_tight_are_named",
    # The program must start, and be heard of within its watchdog's two seconds.
    *("ready_status_reload_watchdog", "pings_go_on_while_a_model_is_tried", "a_silent_pipe_is_said"),
    *("no_ping_from_a_stopped_process", "a_recording_needs_no_systemd"),
)
"""Parts of the names of single tests in the files that run there."""
