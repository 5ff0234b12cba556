//! The studio's product: its pages, models, plans and prices.

use crate::simulate::dice::Dice;

/// A generation model.
#[derive(Debug)]
pub(crate) struct Model {
    /// The usage event's name.
    pub(crate) action: &'static str,
    /// The model's name.
    pub(crate) name: &'static str,
    /// The route that serves it.
    pub(crate) route: &'static str,
    /// Credits for one output.
    pub(crate) cost: i64,
    /// Median time to an output, milliseconds.
    pub(crate) median_ms: i64,
    /// Share of generations that fail.
    pub(crate) failing: f64,
    weight: u32,
}

const fn model(
    action: &'static str,
    name: &'static str,
    route: &'static str,
    cost: i64,
    median_ms: i64,
    failing: f64,
    weight: u32,
) -> Model {
    Model { action, name, route, cost, median_ms, failing, weight }
}

/// Every model. The first one is what scripts ask for: pictures are what credits are worth.
pub(crate) const MODELS: &[Model] = &[
    model("image.generate", "studio-xl", "/api/images", 4, 9_200, 0.022, 300),
    model("image.generate", "studio-lite", "/api/images", 2, 3_400, 0.012, 260),
    model("image.generate", "social-square", "/api/social", 2, 4_100, 0.015, 120),
    model("image.generate", "vision-edit", "/api/edits", 3, 6_800, 0.035, 60),
    model("chat.generate", "muse-chat", "/api/chat", 1, 1_700, 0.006, 210),
    model("chat.generate", "muse-chat-pro", "/api/chat", 2, 3_900, 0.010, 50),
];

/// Pages and how often they are looked at.
const PAGES: &[(&str, u32)] = &[
    ("/studio", 340),
    ("/studio/boards", 170),
    ("/library", 130),
    ("/social", 90),
    ("/chat", 120),
    ("/pricing", 40),
    ("/settings", 30),
    ("/share", 40),
    ("/templates", 60),
];

/// Things clicked.
pub(crate) const CLICKS: &[&str] = &[
    "ui.board_open",
    "ui.brush_select",
    "ui.download",
    "ui.share_link",
    "ui.upscale_open",
    "ui.template_apply",
    "ui.undo",
];

/// Shapes of pictures.
pub(crate) const RATIOS: &[&str] = &["1:1", "16:9", "9:16", "4:5", "3:2"];

/// Where visitors come from; host names only.
pub(crate) const REFERRERS: &[&str] =
    &["direct", "direct", "direct", "www.google.com", "www.google.com", "www.instagram.com", "t.co", "www.reddit.com"];

/// What a person pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    Free,
    /// The small subscription.
    Creator,
    /// The large subscription.
    Studio,
}

impl Plan {
    /// Returns the plan's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Creator => "creator",
            Self::Studio => "studio",
        }
    }

    /// Returns the price of a month, minor units of the currency.
    pub(crate) const fn price_minor(self) -> i64 {
        match self {
            Self::Free => 0,
            Self::Creator => 1_900,
            Self::Studio => 4_900,
        }
    }

    /// Returns the credits of a month.
    pub(crate) const fn credits(self) -> i64 {
        match self {
            Self::Free => 0,
            Self::Creator => 400,
            Self::Studio => 1_200,
        }
    }
}

/// Credits a new guest is given.
pub(crate) const GUEST_GRANT: i64 = 50;
/// Credits for signing up.
pub(crate) const SIGNUP_GRANT: i64 = 30;
/// Credits for bringing somebody.
pub(crate) const REFERRAL_BONUS: i64 = 20;
/// A pack of credits: how many, and its price in minor units.
pub(crate) const PACK: (i64, i64) = (150, 900);
/// Why banks decline honest people's cards.
pub(crate) const DECLINES: &[&str] =
    &["insufficient_funds", "insufficient_funds", "do_not_honor", "expired_card", "authentication_required"];
/// Why banks decline cards that are not the holder's.
pub(crate) const STOLEN_DECLINES: &[&str] =
    &["do_not_honor", "do_not_honor", "incorrect_cvc", "stolen_card", "invalid_account", "fraudulent", "pickup_card"];

/// Picks the model of the next generation.
pub(crate) fn any_model(dice: &mut Dice) -> &'static Model {
    &MODELS[dice.weighted(MODELS.iter().map(|model| model.weight))]
}

/// Picks the page looked at next.
pub(crate) fn any_page(dice: &mut Dice) -> &'static str {
    PAGES[dice.weighted(PAGES.iter().map(|(_, weight)| *weight))].0
}
