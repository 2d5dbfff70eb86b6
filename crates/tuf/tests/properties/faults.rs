//! Every fault that the forge knows, on every document that can have it.

use countersign_forge::faults;

use crate::operation::Operation;
use crate::world::{Rules, World};

#[test]
fn whatever_the_server_says_to_a_fault_the_client_says_too() {
    let world = World::new(Rules::AsWritten);
    let mut disagreements = Vec::new();
    for fault in faults::all() {
        let roles = ["root", "snapshot", "targets", "targets/a"];
        let fitting = roles.iter().filter(|role| fault.fits(role)).count();
        for role in 0..fitting {
            let operation = Operation::Damaged { fault: fault.name, role };
            disagreements.extend(world.clone().play(&[operation]).err());
        }
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}
