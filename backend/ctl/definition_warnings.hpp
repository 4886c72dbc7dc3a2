// What verbs that look say of the links that `define` has made and that do not work.
// Thread: any. Errors: none; what can't be read is what is said.
#pragma once

#include "backend/toolstack/definitions.hpp"

#include <functional>
#include <string>

namespace pvscsi::ctl {

struct Context;

/// Those of `definitions`, after a refresh(), of one domain, or of all: a line each, ten at most.
void warn_of_links(const toolstack::Definitions& definitions, const std::string& domain,
                   const std::function<void(const std::string&)>& warn);

/// The same as the daemon sees it now; nothing but in dom0, whose files they are.
void warn_of_links(const Context& context, const std::string& domain);

} // namespace pvscsi::ctl
