//! Tests that run on each pair of stores.

/// Makes a test of each function on each pair of stores. The functions take a `World`, which is in scope beside them and
/// is made by `World::on(Stores)`.
#[macro_export]
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::World::on($crate::Stores::Embedded).await).await;
            })*
        }
        mod scaled_out {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(stores) = $crate::Stores::scaled_out() else { return };
                super::$case(super::World::on(stores).await).await;
            })*
        }
    };
}
