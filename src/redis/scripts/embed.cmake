# Puts each script, with the files that it includes, into one generated source.
#   cmake -DFOLDER=... -DSCRIPTS=a,b -DOUTPUT=stem -P embed.cmake
string(REPLACE "," ";" names "${SCRIPTS}")
set(declarations "")
set(definitions "")
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}.lua" text)
  string(REGEX MATCHALL "--@include [a-z0-9_/]+\\.lua" includes "${text}")
  foreach(include IN LISTS includes)
    string(REPLACE "--@include " "" path "${include}")
    file(READ "${FOLDER}/${path}" part)
    string(REPLACE "${include}" "${part}" text "${text}")
  endforeach()
  string(SHA1 sha "${text}")
  string(APPEND declarations "extern const Script ${name};\n")
  string(APPEND definitions "const Script ${name}{\"${name}\", \"${sha}\", R\"lua(${text})lua\"};\n")
endforeach()
set(head "// Made from src/redis/scripts by embed.cmake.\n")
file(WRITE "${OUTPUT}.hpp"
     "${head}#pragma once\n#include \"redis/script.hpp\"\n\nnamespace eventy::redis::scripts {\n${declarations}}\n")
file(WRITE "${OUTPUT}.cpp"
     "${head}#include \"redis/scripts.hpp\"\n\nnamespace eventy::redis::scripts {\n${definitions}}\n")
