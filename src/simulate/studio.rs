//! The studio's life: one queue of what happens next, in order of time, and everybody to whom it happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::catalogue::countries;
use super::catalogue::product::REFERRAL_BONUS;
use super::clock::liveliness;
use super::crowd::{Crowds, FAMILY, Noticed};
use super::facts;
use super::fraud::Cheats;
use super::ids::Id;
use super::labels::Story;
use super::person::{Journey, Person};
use super::places::Places;
use super::program::{self, Program};
use super::pump::Pump;
use super::releases::Releases;
use super::visit::Visit;
use super::who::Who;
use super::world::World;

/// Share of visits by somebody new.
const NEWCOMER_SHARE: f64 = 0.27;
/// One person remembered for so many events.
const EVENTS_A_PERSON: u64 = 40;
/// People remembered, at least and at most: this bounds the memory of a simulation of any length.
pub(crate) const PEOPLE_RANGE: (u64, u64) = (200, 50_000);
/// Tenths of the time after which no new cheat begins, so that most are played out.
const CHEATS_UNTIL_TENTHS: i64 = 9;

/// What a story is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot {
    /// The seed: the same seed and plot tell the same story.
    pub(crate) seed: u64,
    /// Events to spread over the time.
    pub(crate) events: u64,
    /// Whether the story ends at exactly that number.
    pub(crate) exactly: bool,
    /// When it begins, milliseconds.
    pub(crate) start_ms: i64,
    /// When it ends, milliseconds.
    pub(crate) end_ms: i64,
    /// Whether somebody cheats.
    pub(crate) abuse: bool,
}

/// What happens next to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Pump,
    Visitor,
    Visit(u32),
    Sibling(u32),
    Seat(u32),
    Program(u32),
    Cheat(u32),
}

struct Seat {
    visit: Visit,
    person: u32,
}

/// A story being told.
pub(crate) struct Studio {
    /// What everybody may reach; holds the journal.
    pub(crate) world: World,
    queue: BinaryHeap<Reverse<(i64, u64, Task)>>,
    tasks: u64,
    pump: Pump,
    cheats_until_ms: i64,
    people: Places<Person>,
    people_max: usize,
    idle: Vec<u32>,
    visits: Places<Seat>,
    crowds: Crowds,
    programs: Vec<Program>,
    cheats: Cheats,
}

impl Studio {
    /// Begins a story.
    pub(crate) fn new(plot: &Plot, releases: Releases) -> Self {
        let limit = if plot.exactly { plot.events } else { u64::MAX };
        let mut world = World::new(plot.seed, limit, releases);
        let crowds = Crowds::new(plot.events, &mut world.dice);
        let programs: Vec<Program> = (0..program::count(plot.events)).map(|_| Program::new(&mut world)).collect();
        let mut studio = Self {
            queue: BinaryHeap::new(),
            tasks: 0,
            pump: Pump::new(plot.events, plot.start_ms, plot.end_ms),
            cheats_until_ms: plot.start_ms + (plot.end_ms - plot.start_ms) / 10 * CHEATS_UNTIL_TENTHS,
            people: Places::new(),
            people_max: (plot.events / EVENTS_A_PERSON).clamp(PEOPLE_RANGE.0, PEOPLE_RANGE.1) as usize,
            idle: Vec::new(),
            visits: Places::new(),
            crowds,
            programs,
            cheats: Cheats::new(plot.events, plot.abuse),
            world,
        };
        for _ in 0..studio.people_max / 3 {
            studio.remember_veteran(plot.start_ms);
        }
        studio.push(plot.start_ms, Task::Pump);
        studio
    }

    /// Lets the next thing happen if it happens before `until_ms`; tells whether something did.
    pub(crate) fn advance(&mut self, until_ms: i64) -> bool {
        if self.world.journal.is_full() || self.queue.peek().is_none_or(|Reverse((at_ms, ..))| *at_ms >= until_ms) {
            return false;
        }
        let Some(Reverse((at_ms, _, task))) = self.queue.pop() else { return false };
        match task {
            Task::Pump => self.stroke(at_ms),
            Task::Visitor => self.welcome(at_ms),
            Task::Visit(place) => self.step_visit(place, at_ms),
            Task::Sibling(place) => {
                if let Some((person, noticed, next_ms)) =
                    self.crowds.sibling(place, at_ms, &mut self.world.journal, &mut self.world.dice)
                {
                    next_ms.into_iter().for_each(|next_ms| self.push(next_ms, task));
                    self.arrive_first(person, noticed, at_ms);
                }
            }
            Task::Seat(place) => {
                if let Some((person, noticed)) =
                    self.crowds.next_in_room(place, at_ms, &mut self.world.journal, &mut self.world.dice)
                {
                    self.arrive_first(person, noticed, at_ms);
                }
            }
            Task::Program(place) => {
                let count = self.programs.len() as u64;
                let next_ms = self.programs[place as usize].step(&mut self.world, count, at_ms);
                self.push(next_ms, task);
            }
            Task::Cheat(place) => {
                if let Some(next_ms) = self.cheats.step(place, &mut self.world) {
                    self.push(next_ms, task);
                }
            }
        }
        if self.world.journal.is_full() {
            self.cheats.reveal(&mut self.world.journal);
        }
        true
    }

    /// Goes over from a story to the present: a steady pace, more people, and cheats go on beginning.
    pub(crate) fn go_live(&mut self, events_per_second: f64, at_ms: i64) {
        self.pump.steady(events_per_second, self.world.journal.written());
        self.cheats_until_ms = i64::MAX;
        self.people_max = PEOPLE_RANGE.1 as usize;
        self.queue.retain(|Reverse((.., task))| *task != Task::Pump);
        self.push(at_ms, Task::Pump);
    }

    /// Plants a ring of accounts on a few devices.
    pub(crate) fn plant_ring(&mut self, devices: &[Id], from_ms: i64) {
        if let Some((place, when_ms)) = self.cheats.plant_ring(devices, &mut self.world, from_ms) {
            self.push(when_ms, Task::Cheat(place));
        }
    }

    /// Returns how many people and visits are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> (usize, usize) {
        (self.people.len(), self.visits.len())
    }

    fn push(&mut self, at_ms: i64, task: Task) {
        self.tasks += 1;
        self.queue.push(Reverse((at_ms, self.tasks, task)));
    }

    /// Lets in the visits of the next step, and what comes now and then.
    fn stroke(&mut self, at_ms: i64) {
        let step_ms = self.pump.step_ms;
        let first = self.world.events_per_ms == 0.0;
        self.world.events_per_ms = self.pump.pace(at_ms);
        if first {
            (0..self.programs.len() as u32).for_each(|place| self.push(at_ms + 1, Task::Program(place)));
        }
        let stroke = self.pump.stroke(at_ms, self.world.journal.written(), self.visits.len(), &mut self.world.dice);
        for _ in 0..stroke.visits {
            let when_ms = at_ms + self.world.dice.between(0, step_ms);
            self.push(when_ms, Task::Visitor);
        }
        if at_ms < self.cheats_until_ms
            && let Some((place, when_ms)) = self.cheats.begin(stroke.events, &mut self.world, at_ms)
        {
            self.push(when_ms, Task::Cheat(place));
        }
        if let Some((class, times)) = self.crowds.begin_class(stroke.events, at_ms, &mut self.world.dice) {
            times.into_iter().for_each(|when_ms| self.push(when_ms, Task::Seat(class)));
        }
        let World { journal, dice, .. } = &mut self.world;
        if let Some((library, times)) = self.crowds.open_library(stroke.events, at_ms, journal, dice) {
            times.into_iter().for_each(|when_ms| self.push(when_ms, Task::Seat(library)));
        }
        self.push(at_ms + step_ms, Task::Pump);
    }

    /// Welcomes a visitor: somebody new, or one of those who were here before.
    fn welcome(&mut self, at_ms: i64) {
        let full = self.people.len() >= self.people_max;
        let newcomer = self.idle.is_empty() || (!full && self.world.dice.chance(NEWCOMER_SHARE));
        if !newcomer {
            let place = self.returning(at_ms);
            let journey = self.people.get_mut(place).map(|person| person.journey(at_ms));
            if journey == Some(Journey::Underway) {
                self.idle.push(place);
            } else {
                self.arrive(place, None, at_ms);
            }
            return;
        }
        let World { journal, dice, .. } = &mut self.world;
        let country = countries::awake(at_ms, dice);
        let mut person = Person::newcomer(country, at_ms, journal, dice);
        self.crowds.employ(&mut person, dice);
        if let Some((household, next_ms)) = self.crowds.share_tablet(&person, at_ms, dice) {
            self.push(next_ms, Task::Sibling(household));
            person.crowd = Some(FAMILY);
        }
        self.arrive_first(person, None, at_ms);
    }

    /// Picks who comes back: of three, the one who is most likely up and most eager.
    fn returning(&mut self, at_ms: i64) -> u32 {
        let World { dice, .. } = &mut self.world;
        let (mut best, mut best_score) = (0, -1.0);
        for _ in 0..3 {
            let place = dice.below(self.idle.len() as u64) as usize;
            let score = self
                .people
                .get_mut(self.idle[place])
                .map_or(0.0, |person| liveliness(person.country.local_ms(at_ms)) * f64::from(person.eagerness + 2));
            if score > best_score {
                (best, best_score) = (place, score);
            }
        }
        self.idle.swap_remove(best)
    }

    fn arrive_first(&mut self, person: Person, noticed: Noticed, at_ms: i64) {
        let place = self.people.put(person);
        self.arrive(place, noticed, at_ms);
    }

    fn arrive(&mut self, place: u32, noticed: Noticed, at_ms: i64) {
        let Some(person) = self.people.get_mut(place) else { return };
        let world = &mut self.world;
        person.choose_device(&mut world.dice);
        let (address, shared) = self.crowds.address(person, at_ms, &mut world.dice);
        let who = Who {
            account: person.account,
            guest: if person.account.is_none() { Some(person.guest) } else { None },
            device: Some(person.device.id),
            session: Some(world.journal.id()),
            workspace: Some(person.workspace),
            api_key: None,
            address: Some(address),
            user_agent: person.device.agent.user_agent,
        };
        person.visits_left = person.visits_left.saturating_sub(1);
        if let (true, 0, Some(account)) = (person.veteran, person.visits, person.account) {
            world.remember_advocate(place, account);
        }
        let member = person.crowd.filter(|_| person.visits == 0);
        let member = member.map(|crowd| (Story::crowd(crowd), "workspace", person.workspace.text("ws_")));
        let visit = Visit::arrive(world, person, who, at_ms);
        let seen = world.journal.took();
        for (story, kind, entity) in noticed.into_iter().chain(shared).chain(member).filter(|_| seen) {
            world.journal.label(at_ms, story, (kind, &entity), None);
        }
        let next_ms = at_ms + world.dice.wait(9_000);
        let seat = self.visits.put(Seat { visit, person: place });
        self.push(next_ms, Task::Visit(seat));
    }

    fn step_visit(&mut self, place: u32, at_ms: i64) {
        let Some(seat) = self.visits.get_mut(place) else { return };
        let Some(person) = self.people.get_mut(seat.person) else { return };
        let before = person.account;
        let next_ms = seat.visit.step(&mut self.world, person, at_ms);
        if let (None, Some(account)) = (before, person.account) {
            self.world.remember_advocate(seat.person, account);
        }
        match next_ms {
            Some(next_ms) => self.push(next_ms, Task::Visit(place)),
            None => self.end_visit(place),
        }
        self.pay_bonuses(at_ms);
    }

    fn end_visit(&mut self, place: u32) {
        self.pump.finish_visit();
        let Some(seat) = self.visits.take(place) else { return };
        let stays = self.people.get_mut(seat.person).is_some_and(|person| person.visits_left > 0);
        if stays && self.people.len() <= self.people_max {
            self.idle.push(seat.person);
        } else {
            self.people.take(seat.person);
        }
    }

    /// Pays those who brought somebody.
    fn pay_bonuses(&mut self, at_ms: i64) {
        while let Some((place, referrer, referee)) = self.world.bonuses.pop() {
            let Some(person) = self.people.get_mut(place).filter(|person| person.account == Some(referrer)) else {
                continue;
            };
            person.balance += REFERRAL_BONUS;
            let who = Who { account: person.account, workspace: Some(person.workspace), ..Who::default() };
            let context = who.context(self.world.releases.at(at_ms));
            let credits = (REFERRAL_BONUS, person.balance);
            facts::bonus(&mut self.world.journal, at_ms, &context, referrer, referee, credits);
        }
    }

    fn remember_veteran(&mut self, at_ms: i64) {
        let World { journal, dice, .. } = &mut self.world;
        let country = countries::any(dice);
        let mut person = Person::veteran(country, at_ms, journal, dice);
        self.crowds.employ(&mut person, dice);
        let place = self.people.put(person);
        self.idle.push(place);
    }
}
