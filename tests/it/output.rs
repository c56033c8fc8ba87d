//! Standard output is data, standard error is talk.

use crate::harness::Folder;

#[test]
fn help_names_every_command_and_every_exit_code() {
    let folder = Folder::new();
    let help = folder.run(&["--help"]).expect(0).stdout;
    for word in
        ["check", "send", "listen", "export", "generate", "validate", "schema", "accept", "sample"]
    {
        assert!(help.contains(&format!("  {word} ")), "{word} in {help}");
    }
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "130 "] {
        assert!(help.contains(&format!("\n  {code}")), "{code} in {help}");
    }
}

#[test]
fn no_colour_goes_into_a_pipe_unless_asked_for() {
    let folder = Folder::new();
    folder.write("scenarios/a.yaml", "version: 1\nname: a\nsteps: [{ id: a, fire: inbound }]\n");
    assert!(!folder.run(&["check"]).stdout.contains('\x1b'));
    assert!(folder.run(&["check", "--color", "always"]).stdout.contains('\x1b'));
}
