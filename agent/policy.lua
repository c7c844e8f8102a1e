-- Runs in OpenDKIM once the headers are there. `signing` has our domains, true for those with a
-- usable selector; `logins` has what each login may send as. Postfix holds the envelope sender to
-- the login, this holds the From: header to it, or one login could get another's signature.

local SMFIS_REJECT, SMFIS_TEMPFAIL = 1, 4

-- Only odkim's functions of this hook are there, and an error in Lua ends Debian's OpenDKIM: the
-- sender is told Postfix's own words (5.7.1), the log by its queue id why.
local function refuse(result, why)
  odkim.log(ctx, odkim.get_mtasymbol(ctx, "i") .. ": " .. why)
  odkim.set_result(ctx, result)
  return result
end

local function is_word(text)
  return text:match("^[%w !#$%%&'*+/=?^_`{|}~.,()%-]*$") ~= nil
end

-- A display name that shows an address may be read as the sender: no "@", plain or encoded.
local function shows_address(name)
  for charset, encoding, text in name:gmatch("=%?([^?]*)%?([^?]*)%?([^?]*)%?=") do
    encoding = encoding:lower()
    if encoding == "q" then
      if text:upper():find("=40", 1, true) or text:find("@", 1, true) then return true end
    elseif encoding == "b" then
      local bits, value = 0, 0
      for letter in text:gmatch("[%w+/]") do
        local at = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):find(letter, 1, true) - 1
        value, bits = value * 64 + at, bits + 6
        if bits >= 8 then
          bits = bits - 8
          local byte = math.floor(value / 2 ^ bits)
          value = value % 2 ^ bits
          if byte == 64 then return true end
        end
      end
    else
      return true
    end
  end
  return name:find("@", 1, true) ~= nil
end

-- The one strict form: an address alone, or a display name and the address in angle brackets.
local function address_of(from)
  from = from:gsub("\r?\n[ \t]+", " "):gsub("^%s+", ""):gsub("%s+$", "")
  local address = "^[%w!#$%%&'*+/=?^_`{|}~.%-]+@[%w.%-]+$"
  if from:match(address) then return from:lower() end
  local name, inner = from:match("^(.-)%s*<([^<>]+)>$")
  if inner == nil or not inner:match(address) then return nil end
  local quoted = name:match('^"([^"\\<>]*)"$')
  if quoted == nil and not (is_word(name) or name:match("^[\128-\255%w !#$%%&'*+/=?^_`{|}~.%-]*$")) then
    return nil
  end
  if shows_address(quoted or name) then return nil end
  return inner:lower()
end

local from = odkim.get_header(ctx, "From", 0)
if from == nil then return refuse(SMFIS_REJECT, "no From header") end
if odkim.get_header(ctx, "From", 1) ~= nil then
  return refuse(SMFIS_REJECT, "more than one From header")
end
local address = address_of(from)
if address == nil then return refuse(SMFIS_REJECT, "From is not in the accepted form") end
local domain = address:match("@(.*)$")
if signing[domain] == nil then return refuse(SMFIS_REJECT, "From is in no domain of ours") end

local login = odkim.get_mtasymbol(ctx, "{auth_authen}")
if login ~= nil and login ~= "" then
  local may = logins[login:lower()]
  if may == nil or not (may[address] or may["@" .. domain]) then
    return refuse(SMFIS_REJECT, "the login may not send as " .. address)
  end
end
if not signing[domain] then
  return refuse(SMFIS_TEMPFAIL, "no published key for " .. domain .. " yet")
end
return nil
