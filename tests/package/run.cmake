# Installs, then builds and runs the outside project: once through find_package, once through pkg-config. The installed
# tree is moved in between, because packagers do that.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
run(${CMAKE_COMMAND} --install "${BUILD_DIR}" --prefix "${WORK_DIR}/installed")
file(RENAME "${WORK_DIR}/installed" "${WORK_DIR}/moved")

set(flags "")
if(SANITIZE)
  set(flags "-fsanitize=${SANITIZE}")
endif()
run(${CMAKE_COMMAND} -S "${SOURCE_DIR}" -B "${WORK_DIR}/build" -G Ninja "-DCMAKE_CXX_COMPILER=${CXX}"
    "-DCMAKE_CXX_FLAGS=${flags}" "-DCMAKE_PREFIX_PATH=${WORK_DIR}/moved")
run(${CMAKE_COMMAND} --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/outside")

file(GLOB_RECURSE pc_file "${WORK_DIR}/moved/*/eventy.pc")
get_filename_component(pc_dir "${pc_file}" DIRECTORY)
find_program(pkg_config pkg-config REQUIRED)
execute_process(COMMAND ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${pc_dir}" ${pkg_config} --cflags --libs eventy
                OUTPUT_VARIABLE arguments COMMAND_ERROR_IS_FATAL ANY OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(arguments UNIX_COMMAND "${arguments}")
run(${CXX} ${flags} "${SOURCE_DIR}/main.cpp" ${arguments} -o "${WORK_DIR}/by_pkg_config")
run("${WORK_DIR}/by_pkg_config")
file(REMOVE_RECURSE "${WORK_DIR}")
