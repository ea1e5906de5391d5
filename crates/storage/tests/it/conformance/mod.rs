//! What every backend must do. One suite, run on each: [`conformance!`] makes a test of every case.

pub(crate) mod bodies;
pub(crate) mod broken;
pub(crate) mod delete;
pub(crate) mod exclusive;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod memory;
pub(crate) mod put;
pub(crate) mod range;
pub(crate) mod stage;

/// One test for each case of the suite. `$open` is a path to an `async fn` that gives a `Stage`, or
/// none if there is nothing to run on.
macro_rules! conformance {
    ($open:path) => {
        crate::conformance::conformance!(@cases $open;
            put: whole_bodies_come_back, bodies_of_unknown_length_come_back, many_chunks_are_one_body,
                absence_is_told;
            range: every_kind_of_range_comes_back, ranges_outside_are_refused, an_empty_blob_has_no_range;
            delete: deleting_is_idempotent, only_the_named_are_deleted, too_many_keys_are_refused;
            list: blobs_are_listed_in_order, a_listing_goes_on_behind_a_key, tenants_are_listed_apart;
            exclusive: bytes_are_never_replaced, one_of_many_writers_wins;
            broken: a_body_that_breaks_off_leaves_nothing, a_body_of_another_length_leaves_nothing,
                a_body_of_another_digest_leaves_nothing,
                a_dropped_put_leaves_nothing;
            history: any_history_is_that_of_a_map;
        );
    };
    (@cases $open:path; $($module:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(stage) = Option::<crate::conformance::stage::Stage>::from($open().await) else { return };
                crate::conformance::$module::$case(&stage).await;
                stage.end().await;
            }
        )+)+
    };
}
pub(crate) use conformance;
