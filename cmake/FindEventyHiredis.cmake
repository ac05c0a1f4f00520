# The target eventy::hiredis. Debian's hiredis 0.14 comes without a CMake package, so it is looked for by path. Used by
# this project's build, and by programs that find_package(eventy).
find_path(EVENTY_HIREDIS_INCLUDE_DIR hiredis/read.h)
find_library(EVENTY_HIREDIS_LIBRARY hiredis)
mark_as_advanced(EVENTY_HIREDIS_INCLUDE_DIR EVENTY_HIREDIS_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(EventyHiredis REQUIRED_VARS EVENTY_HIREDIS_LIBRARY EVENTY_HIREDIS_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "Debian has it in libhiredis-dev")

if(EventyHiredis_FOUND AND NOT TARGET eventy::hiredis)
  add_library(eventy::hiredis UNKNOWN IMPORTED)
  set_target_properties(eventy::hiredis PROPERTIES
    IMPORTED_LOCATION "${EVENTY_HIREDIS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${EVENTY_HIREDIS_INCLUDE_DIR}")
endif()
