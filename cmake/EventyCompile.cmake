# How our own sources are compiled: warnings, sanitizers. Users of the library get none of it.
add_library(eventy_compile INTERFACE)
target_include_directories(eventy_compile INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}/include"
                                                    "${PROJECT_SOURCE_DIR}/src")
target_compile_options(eventy_compile INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                                                -Wold-style-cast -Woverloaded-virtual)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC takes what a .cpp file keeps to itself for a header's, once that file is included in a larger one.
  target_compile_options(eventy_compile INTERFACE -Wno-subobject-linkage)
endif()
if(EVENTY_WARNINGS_AS_ERRORS)
  target_compile_options(eventy_compile INTERFACE -Werror)
endif()
if(EVENTY_SANITIZE)
  add_compile_options(-fsanitize=${EVENTY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${EVENTY_SANITIZE})
  add_compile_definitions(EVENTY_SANITIZED)  # for tests that do less then
  if(EVENTY_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Says that it does not see the fences in Asio's std_fenced_block; scripts/tsan-suppressions.txt names what follows.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# A layer of the library: its objects, for the library and for the tests that need no more than this layer.
function(eventy_layer name)
  add_library(${name} OBJECT ${ARGN})
  target_link_libraries(${name} PUBLIC eventy_compile eventy_dependencies)
endfunction()
