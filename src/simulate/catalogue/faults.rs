//! What goes wrong in the studio: exceptions with their stacks, and the lines its servers log.

use crate::simulate::dice::Dice;

/// One way to fail.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Exception type.
    pub(crate) class: &'static str,
    /// What it says, around a number.
    pub(crate) message: (&'static str, &'static str),
    /// Whether the program caught it.
    pub(crate) handled: bool,
    /// Its level.
    pub(crate) level: &'static str,
    /// Frames, newest first, as JSON.
    pub(crate) stack: &'static str,
}

/// Faults of the servers: a generation did not come back.
pub(crate) const GENERATION: &[Fault] = &[
    Fault {
        class: "ModelTimeoutError",
        message: ("model did not answer within ", " ms"),
        handled: true,
        level: "error",
        stack: r#"[{"file":"worker/inference/client.py","function":"wait_for_output","line":212,"in_app":true},{"file":"worker/inference/client.py","function":"generate","line":148,"in_app":true},{"file":"worker/jobs/image.py","function":"run","line":77,"in_app":true},{"file":"site-packages/anyio/_core/_tasks.py","function":"fail_after","line":115,"in_app":false}]"#,
    },
    Fault {
        class: "UpstreamError",
        message: ("upstream answered 502 after ", " ms"),
        handled: true,
        level: "error",
        stack: r#"[{"file":"worker/inference/http.py","function":"raise_for_status","line":61,"in_app":true},{"file":"worker/inference/client.py","function":"generate","line":139,"in_app":true},{"file":"worker/jobs/image.py","function":"run","line":77,"in_app":true}]"#,
    },
    Fault {
        class: "OutOfMemoryError",
        message: ("device memory exhausted: tried to allocate ", " MiB"),
        handled: true,
        level: "error",
        stack: r#"[{"file":"worker/models/sampler.py","function":"decode_latents","line":304,"in_app":true},{"file":"worker/models/sampler.py","function":"sample","line":188,"in_app":true},{"file":"worker/jobs/image.py","function":"run","line":81,"in_app":true},{"file":"site-packages/torch/nn/modules/conv.py","function":"forward","line":460,"in_app":false}]"#,
    },
    Fault {
        class: "SafetyFilterError",
        message: ("output withheld by filter version ", ""),
        handled: true,
        level: "warning",
        stack: r#"[{"file":"worker/filters/output.py","function":"check","line":52,"in_app":true},{"file":"worker/jobs/image.py","function":"run","line":93,"in_app":true}]"#,
    },
];

/// Faults of the page: something in the browser broke, most people go on.
pub(crate) const PAGE: &[Fault] = &[
    Fault {
        class: "TypeError",
        message: ("Cannot read properties of undefined (reading 'layers') at step ", ""),
        handled: false,
        level: "error",
        stack: r#"[{"file":"app/boards/LayerPanel.tsx","function":"renderLayer","line":88,"col":21,"in_app":true},{"file":"app/boards/LayerPanel.tsx","function":"LayerPanel","line":140,"col":9,"in_app":true},{"file":"node_modules/react-dom/client.js","function":"renderWithHooks","line":5529,"col":18,"in_app":false}]"#,
    },
    Fault {
        class: "NetworkError",
        message: ("Failed to fetch asset chunk ", ""),
        handled: true,
        level: "warning",
        stack: r#"[{"file":"app/assets/load.ts","function":"loadChunk","line":34,"col":11,"in_app":true},{"file":"app/router.ts","function":"prefetch","line":71,"col":5,"in_app":true}]"#,
    },
    Fault {
        class: "QuotaExceededError",
        message: ("The storage quota has been exceeded by ", " bytes"),
        handled: true,
        level: "warning",
        stack: r#"[{"file":"app/workspace/persist.ts","function":"saveDraft","line":57,"col":15,"in_app":true},{"file":"app/workspace/persist.ts","function":"flush","line":92,"col":7,"in_app":true}]"#,
    },
    Fault {
        class: "ChunkLoadError",
        message: ("Loading chunk ", " failed"),
        handled: false,
        level: "error",
        stack: r#"[{"file":"app/bootstrap.ts","function":"requireChunk","line":19,"col":13,"in_app":true},{"file":"app/router.ts","function":"navigate","line":48,"col":9,"in_app":true}]"#,
    },
];

/// The planted story: one release that takes one browser down.
pub(crate) const CRASH: Fault = Fault {
    class: "TypeError",
    message: ("undefined is not an object (evaluating 'canvas.transferControlToOffscreen().width') on layer ", ""),
    handled: false,
    level: "fatal",
    stack: r#"[{"file":"app/canvas/BrushLayer.ts","function":"attachOffscreen","line":61,"col":34,"in_app":true},{"file":"app/canvas/BrushLayer.ts","function":"mount","line":43,"col":10,"in_app":true},{"file":"app/canvas/Canvas.tsx","function":"useLayers","line":117,"col":7,"in_app":true},{"file":"app/studio/Studio.tsx","function":"Studio","line":204,"col":3,"in_app":true},{"file":"node_modules/react-dom/client.js","function":"commitHookEffectListMount","line":9364,"col":22,"in_app":false}]"#,
};

/// A line that a server logs.
#[derive(Debug)]
pub(crate) struct Remark {
    /// Its level.
    pub(crate) level: &'static str,
    /// Who logs it.
    pub(crate) logger: &'static str,
    /// What it says, around a number.
    pub(crate) message: (&'static str, &'static str),
}

/// Lines logged around generations.
pub(crate) const REMARKS: &[Remark] = &[
    Remark { level: "info", logger: "worker.jobs", message: ("job finished in ", " ms") },
    Remark { level: "info", logger: "worker.queue", message: ("queue depth ", "") },
    Remark { level: "warn", logger: "worker.inference", message: ("slow model: ", " ms over the budget") },
    Remark { level: "info", logger: "api.cache", message: ("thumbnail cache filled, entry of ", " bytes") },
    Remark { level: "warn", logger: "worker.inference", message: ("retrying after a reset connection, attempt ", "") },
    Remark { level: "debug", logger: "api.limits", message: ("quota checked in ", " us") },
];

/// Picks one of a list of faults; earlier ones are more common.
pub(crate) fn any<'a>(faults: &'a [Fault], dice: &mut Dice) -> &'a Fault {
    let count = faults.len() as u32;
    &faults[dice.weighted((1..=count).rev().map(|rank| rank * rank))]
}
