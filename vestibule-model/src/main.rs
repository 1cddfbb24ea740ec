//! Runs the model.
use vestibule_model::design::Design;
use vestibule_model::event::Events;
use vestibule_model::explore::{Search, explore, replay};
use vestibule_model::family::Family;
use vestibule_model::kernel::{Everything, PortOf};
use vestibule_model::world::Limits;

fn main() {
    let arg: Vec<String> = std::env::args().collect();
    let budget = arg.get(2).and_then(|n| n.parse().ok());
    for family in Family::ALL {
        if arg.get(1).is_some_and(|name| name != "all" && name != family.name()) {
            continue;
        }
        let limits = Limits { events: Events::ALL, budget };
        let hashing = arg.get(3).is_none();
        let search = Search { limits, hashing, threads: 2, first_only: true };
        let design = Design::of::<PortOf<Everything>>(family);
        let out = explore(design, &search);
        println!(
            "{:12} states {} executions {} steps {} deepest {} deaths {} {:.2?} {:.1} M/s {:?}",
            family.name(),
            out.states,
            out.executions,
            out.steps,
            out.deepest,
            out.deaths,
            out.time,
            out.steps as f64 / out.time.as_secs_f64() / 1e6,
            out.counterexample.as_ref().map(|c| (c.violation, c.events)),
        );
        if let Some(example) = out.counterexample {
            let (end, steps) = replay(design, limits, &example.decisions);
            println!("{end:?}");
            for s in steps {
                println!(
                    "{:4} {} {} {:04b} {} {} {:#x} {:40} {} {}",
                    s.task,
                    s.depth,
                    s.stack,
                    s.daif,
                    u8::from(s.watching),
                    s.belief,
                    s.word,
                    s.what,
                    s.place,
                    s.event.unwrap_or_default()
                );
            }
            break;
        }
    }
}
