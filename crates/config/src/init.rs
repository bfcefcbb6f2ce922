//! What `watchbell init DIR` writes: a small configuration that `check` accepts, with comments.

/// The files of a minimal configuration: relative path and content.
pub fn init_files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("watchbell.yaml", include_str!("../data/init/watchbell.yaml")),
        ("probes/example.yaml", include_str!("../data/init/probes/example.yaml")),
        ("rotations/team.yaml", include_str!("../data/init/rotations/team.yaml")),
        ("alerts/routing.yaml", include_str!("../data/init/alerts/routing.yaml")),
    ]
}
