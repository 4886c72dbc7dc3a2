// Verbs that show what there is.
#include "backend/ctl/cli/command_line.hpp"

namespace pvscsi::ctl {

namespace {

void add_list(CommandLine& line) {
    const auto given = std::make_shared<ListOptions>();
    CLI::App& command =
        line.add("list", "Show the LUNs of one domain, or of all",
                 [given](Session& session) { return list(session.context(), *given); });
    command.add_option("DOMAIN", given->domain, "name or number of the domain");
    command.add_flag("--json", given->json,
                     "an array of objects, as list.schema.json describes them");
}

} // namespace

void add_show_commands(CommandLine& line) {
    add_list(line);
}

} // namespace pvscsi::ctl
