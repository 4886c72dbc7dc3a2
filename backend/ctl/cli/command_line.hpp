// The command line of pvscsictl: verbs are subcommands, grouped in commands_*.cpp by what they are
// about; what they do is in ../verbs.hpp and its kin.
//
// Thread: one. Errors: Failure, CLI::ParseError.
#pragma once

#include "backend/ctl/daemon_verbs.hpp"
#include "backend/ctl/verbs.hpp"
#include "common/config/settings.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::ctl {

/// What a verb runs in. The host is opened when a verb asks for it first: some need none.
class Session {
  public:
    Context& context();
    /// Which host is meant, without a look whether it is there. Failure(no_host).
    [[nodiscard]] hv::HypervisorChoice choice() const;
    void warn(const std::string& text);
    /// The daemon's settings; of one that can't be read those of its default, with a warning.
    [[nodiscard]] config::Settings settings();
    /// How it went: the worse of what the verb said here and in the context.
    [[nodiscard]] ExitCode exit_status() const;

    /// Directory of the embedded host as given; empty: by the surroundings.
    std::string host;
    double timeout = 10; ///< seconds
    bool no_wait = false;
    ExitCode status = ExitCode::done;

  private:
    struct Host;
    void read_settings(const std::string& host_dir);
    std::shared_ptr<Host> open_;
};

/// Returns what goes to standard output.
using Verb = std::function<std::string(Session&)>;

/// Where the daemon of that host is spoken to.
[[nodiscard]] DaemonPlace daemon_place(const Session& session, std::chrono::milliseconds patience);

class CommandLine {
  public:
    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    /// A subcommand; `verb` is run if the command line chooses it.
    CLI::App& add(const char* name, const std::string& description, Verb verb);
    /// --timeout, for verbs that wait for somebody.
    void add_timeout(CLI::App& command, const char* what);
    /// --no-wait
    void add_no_wait(CLI::App& command, const char* what);

    /// Exit status of a program that has nothing else to do: of --help, or of a wrong line.
    /// Failure(usage) if the line has words that nobody knows.
    [[nodiscard]] std::optional<ExitCode> parse(int argc, char** argv);
    /// Runs the verb, prints what it says. Failure(usage) if none was chosen.
    [[nodiscard]] ExitCode run();

  private:
    [[nodiscard]] std::vector<std::string> verbs() const;
    [[nodiscard]] std::string unexpected_words() const;

    CLI::App app_{"Brings SCSI LUNs to guests.", "pvscsictl"};
    Session session_;
    Verb verb_;
};

/// Tells a terminal how long is waited; nothing where none is.
[[nodiscard]] std::function<void(std::optional<std::chrono::seconds>)> progress_of_terminal();

/// Prints to standard error what every line of `text` says, with the program's name before it.
void complain(const char* kind, std::string_view text);

void add_change_commands(CommandLine& line);     ///< create, destroy, attach, detach, set
void add_show_commands(CommandLine& line);       ///< list, show, wait, devices
void add_legacy_commands(CommandLine& line);     ///< scsi-attach, scsi-detach, scsi-list
void add_definition_commands(CommandLine& line); ///< check, define, undefine
/// stats, reload, log-level, accept, inject, vport
void add_daemon_commands(CommandLine& line);
void add_trace_commands(CommandLine& line); ///< trace

} // namespace pvscsi::ctl
