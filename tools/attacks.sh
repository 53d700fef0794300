#!/usr/bin/env bash
# Attacks pyalign by processes, clocks, links, broken files and wrong calls, and counts what holds; ends with 1 where
# something doesn't, or was not tried.    bash tools/attacks.sh [OPTIONS OF PYTEST]
set -u
cd "$(dirname "$0")/.."
options=("$@") status=0

attack() {  # what is done, and the tests that do it
  local what=$1 told
  shift
  told=$(pytest -q -p no:cacheprovider -o addopts= "${options[@]}" "$@" 2>&1) || { status=1; printf '%s\n' "$told" >&2; }
  told=${told##*$'\n'}
  [[ $told == *skipped* ]] && status=1
  printf '%-72s %s\n' "$what" "$told"
}

fetch=tests/datasets/test_fetch_together.py units=tests/study/test_units.py both=tests/test_two_processes.py
files=tests/fuzz/test_input_options.py published=tests/datasets/test_published_maps.py
attack "processes that fetch into one folder, or one file" \
  $fetch::test_no_checksum_is_lost_where_processes_fetch_into_one_folder \
  $fetch::test_a_process_waits_for_another_that_fetches_the_same_file_and_takes_it \
  $both::test_of_two_processes_that_meet_at_any_call_only_one_at_a_time_fetches_a_file
attack "claims of a study whose time lies in the future" \
  $units::test_a_claim_from_the_future_ages_from_the_first_look_on_whoever_looks \
  $units::test_a_claim_is_dead_a_minute_after_its_last_change_that_was_seen_whatever_its_time \
  $units::test_a_run_that_a_clock_from_the_future_has_stopped_ends
attack "two commands that write into one folder, with and without locks" \
  tests/cli/test_cli_two_at_once.py tests/io/test_io_two_at_once.py
attack "two processes that meet at a call, in six scenarios" \
  $both::test_two_processes_that_meet_at_some_calls_leave_the_results_of_one
attack "links in folders of thingsvision" tests/io/test_io_thingsvision.py::test_links_are_not_followed
attack "broken files, links, pipes and names in place of each file of a command" \
  $files::test_no_option_takes_a_file_that_it_cannot_read
attack "functions of the C library, each argument and field wrong once" tests/native/test_wrong_calls.py
attack "functions of Python, each argument in turn of some other kind" \
  tests/test_checks.py::test_whatever_comes_for_an_argument_is_taken_or_refused_in_one_line \
  tests/test_checks.py::test_what_is_no_journal_is_refused
attack "published maps by their names" $published::test_each_published_map_is_fetched_from_its_address \
  $published::test_models_are_those_that_the_code_of_gLocal_and_thingsvision_names
exit $status
