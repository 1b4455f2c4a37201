//! What the header of a GGUF file says is found, whoever read it and whatever is committed beside it.

use crate::world::{World, tagged};

steelyard_testkit::on_every_store!(
    a_new_card_leaves_what_the_header_says,
    new_weights_take_back_what_the_old_ones_said,
    what_one_replica_read_the_others_show,
);

async fn a_new_card_leaves_what_the_header_says(world: World) {
    world.model("m").await;
    world.put_chat_weights("m").await;
    assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), ["m"]);
    world.put("m", "README.md", "---\ntags: [new]\n---\n# M\n").await;
    assert_eq!(tagged(&world.hub, "new").await.unwrap(), ["m"]);
    assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), ["m"]);
    // A replica that loads everything from the database finds the same.
    let other = world.other_replica().await;
    assert_eq!(tagged(&other, "conversational").await.unwrap(), ["m"]);
    assert_eq!(tagged(&other, "new").await.unwrap(), ["m"]);
}

async fn new_weights_take_back_what_the_old_ones_said(world: World) {
    world.model("m").await;
    world.put_chat_weights("m").await;
    assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), ["m"]);
    world.put("m", "m.gguf", steelyard_testkit::gguf(&[("general.architecture", "llama")])).await;
    assert!(tagged(&world.hub, "conversational").await.unwrap().is_empty());
    assert_eq!(tagged(&world.hub, "gguf").await.unwrap(), ["m"]);
}

/// The other replica meets every commit first and fails to read the header; it must not go on without what it says.
async fn what_one_replica_read_the_others_show(world: World) {
    let other = world.other_replica().await;
    assert!(tagged(&other, "gguf").await.unwrap().is_empty());
    world.model("m").await;
    world.put_chat_weights("m").await;
    // So many calls of the database until the commit is in the index but for its header.
    for n in 1..100 {
        other.db().faults().arm(n, steelyard_core::fault::Moment::Before);
        let found = tagged(&other, "gguf").await;
        other.db().faults().disarm();
        if found.is_ok_and(|names| names == ["m"]) {
            break;
        }
    }
    assert_eq!(tagged(&world.hub, "conversational").await.unwrap(), ["m"]);
    assert_eq!(tagged(&other, "conversational").await.unwrap(), ["m"]);
}
