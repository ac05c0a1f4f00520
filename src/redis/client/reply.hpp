// What a command answers.
#pragma once
#include "resp/reply.hpp"

namespace eventy::redis {

using resp::Reply;

}  // namespace eventy::redis
