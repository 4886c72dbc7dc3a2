// Refusals of what an entry asks for, as what Vports throws. Thread: any.
#pragma once

#include "common/config/pdev.hpp"

#include <stdexcept>

namespace pvscsi::backend::npiv {

[[noreturn]] inline void refuse(const config::Refusal& why) {
    throw std::runtime_error(why.reason + "; expected " + why.remedy);
}

} // namespace pvscsi::backend::npiv
