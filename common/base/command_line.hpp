// How the programs read their command lines, over CLI11: choices by name, the options that the
// daemons share, and what a wrong one ends with. For the .cpp files of programs only: CLI11 takes
// its time to compile.
//
// Thread: main's, before there are others. Errors: told to the user, then an exit status.
#pragma once

#include "common/base/log.hpp"

#include <CLI/CLI.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi {

/// An option whose value is one of `choices`, by its name.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& option, Value& value,
                        const std::map<std::string, Value>& choices, const std::string& what) {
    std::vector<std::string> names;
    for (const auto& choice : choices)
        names.push_back(choice.first);
    const auto choose = [&value, choices](const std::string& name) { value = choices.at(name); };
    return app.add_option_function<std::string>(option, choose, what)->check(CLI::IsMember(names));
}

inline const std::map<std::string, log::Level>& log_levels() {
    using log::Level;
    static const std::map<std::string, Level> levels{{"debug", Level::debug},
                                                     {"info", Level::info},
                                                     {"warning", Level::warning},
                                                     {"error", Level::error}};
    return levels;
}

inline CLI::Option* add_log_level(CLI::App& app, log::Level& level) {
    return add_choice(app, "--log-level", level, log_levels(), "how much to log (info)");
}

/// Nothing if the program is to go on; else its exit status: 0 after --help or --version, `wrong`
/// after a command line that makes no sense.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv, int wrong = 2) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong;
    }
    return {};
}

} // namespace pvscsi
