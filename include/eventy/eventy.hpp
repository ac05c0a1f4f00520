// All of Eventy.
#pragma once
#include <eventy/context.hpp>
#include <eventy/error.hpp>
#include <eventy/event_name.hpp>
#include <eventy/json.hpp>
#include <eventy/log.hpp>
#include <eventy/manager.hpp>
#include <eventy/memory.hpp>
#include <eventy/queue.hpp>
#include <eventy/records.hpp>
#include <eventy/redis.hpp>
#include <eventy/serializer.hpp>
#include <eventy/subscriber.hpp>
#include <eventy/termination.hpp>
