//! The whole system, on real parts: each test is a claim about what a user gets.

mod access;
mod board;
mod certificates;
mod collectors;
mod command_line;
mod corrections;
mod demo_scanners;
mod dicom;
mod dicom_limits;
mod dicom_tls;
mod exports;
mod grafana;
mod held_by;
mod hl7;
mod hostile;
mod influxdb;
mod inputs;
mod leaks;
mod mri_sessions;
mod no_std;
mod path;
mod people;
mod prometheus;
mod published;
mod scanner_night;
mod scanners;
mod scanners_at_once;
mod service;
mod upkeep;

use libtest_mimic::{Arguments, Failed, Trial};
use touchtime_tests::peer::Peer;

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Each trial runs several processes on two cores.
    arguments.test_threads.get_or_insert(1);
    let trials = [
        test("the_bundled_cases_give_the_published_figures", path::extract_gives_the_published_figures),
        test("the_whole_path_gives_the_same_rows_as_the_extract", path::embedded_broker_gives_the_same_rows),
        needs(
            Peer::Mosquitto,
            "the_whole_path_through_mosquitto_gives_the_same_rows",
            path::mosquitto_gives_the_same_rows,
        ),
        test("an_export_imported_elsewhere_gives_the_same_rows", path::export_and_import_give_the_same_rows),
        needs(
            Peer::AsyncApiParser,
            "what_is_said_over_mqtt_is_a_valid_asyncapi_document",
            published::the_document_is_valid,
        ),
        needs(Peer::JsonSchema, "every_golden_form_is_as_documented", published::every_golden_form_is_as_documented),
        needs_all(
            &[Peer::Mosquitto, Peer::JsonSchema],
            "every_message_of_the_whole_system_is_as_documented",
            published::every_message_of_the_whole_system_is_as_documented,
        ),
        needs(Peer::DuckDb, "duckdb_reads_typed_parquet_with_the_values_of_the_csv", exports::duckdb_reads_parquet),
        needs(Peer::DuckDb, "duckdb_computes_the_reports_from_a_dataset", exports::duckdb_computes_the_reports),
        needs(
            Peer::DataFusion,
            "datafusion_computes_the_reports_from_a_dataset_by_the_same_text",
            exports::datafusion_computes_the_reports,
        ),
        needs(
            Peer::OpenPyxl,
            "openpyxl_reads_a_workbook_with_the_values_of_the_csv",
            exports::openpyxl_reads_the_workbook,
        ),
        test("small_numbers_are_hidden_in_every_form", exports::small_numbers_are_hidden_in_every_form),
        needs(
            Peer::DuckDb,
            "what_is_binary_is_refused_on_a_terminal",
            exports::what_is_binary_is_refused_on_a_terminal,
        ),
        needs(Peer::DuckDb, "small_numbers_are_hidden_in_parquet", exports::small_numbers_are_hidden_in_parquet),
        test("a_month_of_a_dataset_is_replaced_whole", exports::a_month_of_a_dataset_is_replaced_whole),
        test("forecasts_are_tried_on_lists_that_they_have_not_seen", command_line::forecasts_are_tried),
        test("coming_lists_with_room_are_reported", command_line::coming_lists_with_room_are_reported),
        test("explain_adds_up_to_the_plan", command_line::explain_adds_up),
        test("explain_names_the_cases_of_no_list", command_line::explain_names_the_cases_of_no_list),
        test("a_wrong_command_says_what_to_do_and_exits_2", command_line::wrong_commands_exit_2),
        test("scanners_are_reported_from_stored_steps", scanners::reports_come_from_stored_steps),
        test(
            "a_scanners_calendar_and_target_are_configured",
            scanners::a_calendar_and_a_target_are_taken_from_the_configuration,
        ),
        test("a_scanners_change_date_has_an_effect", scanners::a_change_date_has_an_effect_with_limits_on_both_sides),
        test(
            "a_store_without_scanners_says_what_makes_a_room_one",
            scanners::a_store_without_scanners_says_what_makes_a_room_one,
        ),
        needs(
            Peer::Mosquitto,
            "sensors_alone_give_a_list_that_says_so",
            inputs::sensors_alone_give_a_list_that_says_so,
        ),
        needs(
            Peer::Mosquitto,
            "a_chip_that_is_away_is_told_as_a_fault_of_each_line",
            inputs::a_chip_that_is_away_is_told_as_a_fault_of_each_line,
        ),
        needs(Peer::Mosquitto, "a_scanners_row_follows_its_steps", scanners::a_scanners_row_follows_its_steps),
        needs(Peer::Chromium, "a_browser_shows_scanners_and_their_check", scanners::a_browser_shows_scanners),
        needs_all(
            &[Peer::Mosquitto, Peer::Chromium],
            "a_scanners_row_and_its_check_follow_in_a_browser",
            scanners::a_scanners_pages_follow_in_a_browser,
        ),
        test("explain_shows_a_scanners_steps_exams_and_arithmetic", scanners::explain_shows_steps_exams_and_arithmetic),
        test("fifty_scanners_at_once_are_each_answered_for_themselves", scanners_at_once::each_is_answered_for_itself),
        test("what_fifty_scanners_were_answered_outlives_a_kill", scanners_at_once::what_is_answered_outlives_a_kill),
        test(
            "the_demos_scanners_are_measured_as_they_count_themselves",
            demo_scanners::measured_is_what_the_simulator_counted,
        ),
        test("the_service_manager_hears_that_the_agent_is_ready_and_lives", service::the_manager_hears_of_it),
        test("every_command_has_a_help_text", command_line::help_texts),
        test("nothing_is_left_out_in_silence", command_line::nothing_is_left_out_in_silence),
        needs(Peer::Mosquitto, "two_collectors_on_one_broker_give_the_same_reports", collectors::give_the_same),
        needs(Peer::Mosquitto, "a_collector_that_was_away_catches_up_from_the_agents", collectors::one_returns),
        needs(Peer::Mosquitto, "the_summaries_change_hands_and_two_writers_become_one", collectors::hand_over),
        test("what_is_held_back_is_listed_shown_and_tried_again", upkeep::quarantine_on_the_command_line),
        test("a_backup_comes_back_and_a_damaged_one_does_not", upkeep::backup_and_restore),
        test_as_root("what_root_replaces_stays_its_owners", upkeep::what_root_replaces_stays_its_owners),
        test("a_store_of_an_earlier_version_is_upgraded_on_request", upkeep::stores_of_other_versions),
        needs_all(
            &[Peer::Pynetdicom, Peer::DuckDb],
            "a_performed_step_reaches_the_store_and_no_name_or_number_does",
            dicom::a_performed_step_reaches_the_store,
        ),
        needs(
            Peer::Pynetdicom,
            "the_sessions_of_a_real_scanner_keep_their_spans_on_the_way_into_reports",
            mri_sessions::real_sessions_keep_their_spans,
        ),
        needs_all(
            &[Peer::Storescu, Peer::DuckDb],
            "stored_images_become_acquisitions_and_no_pixel_is_kept",
            dicom::stored_images_become_acquisitions,
        ),
        needs_all(
            &[Peer::Hl7, Peer::DuckDb],
            "theatre_messages_reach_the_store_and_no_name_or_number_does",
            hl7::theatre_messages_reach_the_store,
        ),
        test("a_worklist_without_a_listener_is_told_of", dicom::a_worklist_without_a_listener_is_told_of),
        needs(Peer::Hl7, "a_crash_leaves_no_memory_behind", leaks::a_crash_leaves_no_memory_behind),
        needs_all(
            &[Peer::Wlmscpfs, Peer::DuckDb],
            "what_the_worklist_books_changes_and_removes_reaches_the_store",
            dicom::the_worklist_is_followed,
        ),
        needs(
            Peer::InfluxDb,
            "an_outage_of_influxdb_or_a_wiped_one_is_caught_up_exactly",
            influxdb::an_outage_or_a_wiped_database_is_caught_up_exactly,
        ),
        needs(
            Peer::InfluxDb,
            "another_bucket_of_influxdb_is_filled_and_one_with_a_short_memory_holds_up_nothing",
            influxdb::another_bucket_is_filled_and_one_with_a_short_memory_holds_up_nothing,
        ),
        needs(
            Peer::InfluxDb,
            "a_list_that_moves_leaves_nothing_wrong_in_influxdb",
            influxdb::a_list_that_moves_and_what_is_refused_leave_nothing_wrong,
        ),
        test(
            "a_scanner_that_keeps_to_no_limit_ends_its_own_association_only",
            dicom_limits::a_scanner_that_keeps_to_no_limit,
        ),
        needs_all(
            &[Peer::Hl7, Peer::DuckDb],
            "radiology_messages_reach_the_store_and_no_name_or_number_does",
            hl7::radiology_messages_reach_the_store,
        ),
        needs(
            Peer::Pynetdicom,
            "a_night_on_which_everything_goes_wrong_gives_the_right_figures",
            scanner_night::a_night_of_everything_gives_the_right_figures,
        ),
        needs(Peer::Dcmtk, "a_scanner_s_echo_is_answered", dicom::echoscu_is_answered),
        needs(
            Peer::Dcmtk,
            "scanners_over_tls_are_let_in_by_their_certificates_and_others_told_of",
            dicom_tls::scanners_over_tls,
        ),
        needs(
            Peer::Dcmtk,
            "a_scanner_that_speaks_tls_to_a_plain_port_is_told_of",
            dicom_tls::a_scanner_that_speaks_tls_to_a_plain_port_is_told_of,
        ),
        test("a_closed_pipe_is_no_failure", command_line::closed_pipe),
        needs(
            Peer::Mosquitto,
            "what_a_hostile_agent_sends_is_kept_and_counted_and_others_go_on",
            hostile::what_cannot_be_read_is_kept_and_counted,
        ),
        needs(
            Peer::Mosquitto,
            "a_killed_collector_is_told_by_the_next_one",
            hostile::a_killed_collector_is_told_by_the_next_one,
        ),
        test("a_broker_that_keeps_to_no_limit_stops_nothing", hostile::a_broker_that_keeps_to_no_limit_stops_nothing),
        test("the_board_shows_a_day_as_it_runs", board::live_day),
        test("the_board_shows_what_is_expected_and_what_was", board::forecasts_and_the_past),
        test("corrections_restate_and_count_once", corrections::restate_and_count_once),
        test("people_are_known_by_their_tokens", people::are_known_by_their_tokens),
        test("who_says_nothing_to_the_board_is_hung_up_on", people::who_says_nothing_is_hung_up_on),
        needs(Peer::Chromium, "a_browser_shows_the_board", board::in_a_browser),
        needs(
            Peer::Mosquitto,
            "nobody_writes_or_reads_what_is_anothers",
            access::nobody_writes_or_reads_what_is_anothers,
        ),
        needs(
            Peer::Mosquitto,
            "an_agent_without_rights_keeps_its_events_and_says_so",
            access::an_agent_without_rights_keeps_its_events_and_says_so,
        ),
        needs(
            Peer::Mosquitto,
            "an_agents_certificate_is_refused_and_rotated",
            certificates::an_agents_certificate_is_refused_and_rotated,
        ),
        needs(
            Peer::Mosquitto,
            "a_collectors_certificate_is_refused_and_rotated",
            certificates::a_collectors_certificate_is_refused_and_rotated,
        ),
        needs(
            Peer::Mosquitto,
            "a_brokers_certificate_is_refused_and_rotated",
            certificates::a_brokers_certificate_is_refused_and_rotated,
        ),
        needs(
            Peer::Mosquitto,
            "a_certificate_opens_its_own_agents_topics_only",
            access::a_certificate_opens_its_own_agents_topics_only,
        ),
        needs(Peer::Mosquitto, "a_mixed_up_port_is_named", certificates::a_mixed_up_port_is_named),
        needs(Peer::Mosquitto, "metrics_tell_how_the_real_parts_are", prometheus::health_is_that_of_the_real_parts),
        test("every_alert_has_a_test_and_a_page_and_asks_for_what_there_is", prometheus::alerts_are_whole),
        test("a_scanners_metrics_are_those_of_its_report", prometheus::scanner_metrics_equal_the_report),
        needs(
            Peer::Prometheus,
            "promtool_accepts_the_rules_and_their_tests_hold",
            prometheus::promtool_accepts_the_rules,
        ),
        needs(Peer::Prometheus, "prometheus_has_the_figures_of_the_report", prometheus::figures_equal_the_report),
        needs(Peer::GrafanaSchema, "dashboards_are_of_grafanas_published_types", grafana::types_are_grafanas),
        needs(
            Peer::InfluxDb,
            "every_query_of_a_dashboard_or_alert_finds_rows_and_headlines_equal_the_reports",
            grafana::queries_find_rows_and_headlines_equal_the_reports,
        ),
        test("what_the_documents_say_holds_a_rule_is_there", held_by::what_the_documents_say_holds_a_rule_is_there),
        test("the_contract_links_and_runs_without_std", no_std::links_and_runs),
    ];
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn test(name: &str, body: fn()) -> Trial {
    Trial::test(name, move || -> Result<(), Failed> {
        body();
        Ok(())
    })
}

/// A test that is ignored, and says so, when the part is not installed.
/// Ignored for anybody else: what it shows only root can do, and nobody must be root to run the tests.
fn test_as_root(name: &str, body: fn()) -> Trial {
    use std::os::unix::fs::MetadataExt as _;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    test(name, body).with_ignored_flag(!is_root)
}

fn needs(peer: Peer, name: &str, body: fn()) -> Trial {
    needs_all(&[peer], name, body)
}

fn needs_all(peers: &[Peer], name: &str, body: fn()) -> Trial {
    if let Some(peer) = peers.iter().find(|peer| peer.may_skip()) {
        let name = format!("{name} ({peer:?} is not installed)");
        return test(&name, body).with_ignored_flag(true);
    }
    test(name, body)
}
