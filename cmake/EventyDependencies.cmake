# What the library is built on; Debian's package names are in scripts/packages.txt.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(EventyHiredis REQUIRED)
find_path(EVENTY_BOOST_INCLUDE_DIR boost/asio.hpp REQUIRED)

add_library(eventy_dependencies INTERFACE)
target_include_directories(eventy_dependencies SYSTEM INTERFACE "${EVENTY_BOOST_INCLUDE_DIR}" "${EVENTY_HIREDIS_INCLUDE_DIR}")
target_link_libraries(eventy_dependencies INTERFACE Threads::Threads nlohmann_json::nlohmann_json)
target_compile_definitions(eventy_dependencies INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
