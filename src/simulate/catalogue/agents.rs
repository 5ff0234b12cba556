//! Browsers and their user agents, as common as they are among people who make pictures.

use crate::simulate::dice::Dice;

/// What a person holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A desk or lap computer.
    Desktop,
    /// A telephone.
    Phone,
    /// A tablet.
    Tablet,
}

/// One browser on one system.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The family, as the crash story knows it.
    pub(crate) browser: &'static str,
    /// What the browser calls itself.
    pub(crate) user_agent: &'static str,
    /// What it runs on.
    pub(crate) form: Form,
    /// Out of about a thousand visits, how many.
    pub(crate) weight: u32,
    /// Screens it is seen with, pixels.
    pub(crate) screens: &'static [&'static str],
}

const LAPTOPS: &[&str] = &["1512x982", "1440x900", "1728x1117", "1470x956"];
const DESKTOPS: &[&str] = &["1920x1080", "2560x1440", "1536x864", "1366x768", "3840x2160"];
const IPHONES: &[&str] = &["390x844", "393x852", "430x932", "402x874"];
const ANDROIDS: &[&str] = &["412x915", "360x800", "384x832", "360x780"];
const TABLETS: &[&str] = &["820x1180", "834x1194", "1024x1366"];

const fn agent(
    browser: &'static str,
    form: Form,
    weight: u32,
    screens: &'static [&'static str],
    user_agent: &'static str,
) -> Agent {
    Agent { browser, user_agent, form, weight, screens }
}

/// Every browser an ordinary person comes with.
#[rustfmt::skip] // One browser a line.
pub(crate) const AGENTS: &[Agent] = &[
    agent("Chrome", Form::Desktop, 230, DESKTOPS, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent("Chrome", Form::Desktop, 60, DESKTOPS, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"),
    agent("Chrome", Form::Desktop, 90, LAPTOPS, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent("Chrome", Form::Desktop, 15, DESKTOPS, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent("Safari", Form::Desktop, 95, LAPTOPS, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"),
    agent("Safari", Form::Desktop, 25, LAPTOPS, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"),
    agent("Edge", Form::Desktop, 60, DESKTOPS, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"),
    agent("Firefox", Form::Desktop, 40, DESKTOPS, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    agent("Firefox", Form::Desktop, 20, LAPTOPS, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0"),
    agent("Firefox", Form::Desktop, 12, DESKTOPS, "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    agent("Mobile Safari", Form::Phone, 150, IPHONES, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"),
    agent("Mobile Safari", Form::Phone, 25, IPHONES, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1"),
    agent("Chrome Mobile", Form::Phone, 110, ANDROIDS, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"),
    agent("Samsung Internet", Form::Phone, 28, ANDROIDS, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"),
    agent("Mobile Safari", Form::Tablet, 28, TABLETS, "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"),
    agent("Chrome", Form::Tablet, 12, TABLETS, "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
];

/// What a school hands out: the whole class has the same.
pub(crate) const CHROMEBOOK: Agent = agent(
    "Chrome",
    Form::Desktop,
    0,
    &["1366x768"],
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
);

/// A browser that a script drives and that does not hide it.
pub(crate) const HEADLESS: Agent = agent(
    "HeadlessChrome",
    Form::Desktop,
    0,
    &["800x600", "1280x720"],
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
);

/// Client libraries of people who call the studio's API.
pub(crate) const LIBRARIES: &[&str] = &[
    "vismuse-node/1.8.2 node/22.11.0",
    "vismuse-python/2.1.0 python/3.12.7",
    "python-requests/2.32.3",
    "okhttp/4.12.0",
];

/// Picks an ordinary person's browser.
pub(crate) fn any(dice: &mut Dice) -> &'static Agent {
    &AGENTS[dice.weighted(AGENTS.iter().map(|agent| agent.weight))]
}

/// Picks an ordinary person's browser of one form.
pub(crate) fn of_form(form: Form, dice: &mut Dice) -> &'static Agent {
    let weights = AGENTS.iter().map(|agent| if agent.form == form { agent.weight } else { 0 });
    &AGENTS[dice.weighted(weights)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_own_picker() {
        let mut dice = Dice::new(4);
        for form in [Form::Desktop, Form::Phone, Form::Tablet] {
            assert!((0..50).all(|_| of_form(form, &mut dice).form == form));
        }
    }
}
