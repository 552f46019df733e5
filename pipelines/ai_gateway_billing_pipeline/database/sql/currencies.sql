-- spend.currencies: one row per currency of ISO 4217. Turns minor units into major ones; nothing here is to be summed.
-- currency: ISO 4217 code, upper case
-- exponent: digits after the decimal point, so that one major unit is 10 ^ exponent minor units
-- major_per_minor: what one minor unit is worth in major units
--
-- A code that is not here counts as having two decimals, as nearly all have.
create or replace view spend.currencies as
with listed as (
  select unnest(string_split_regex(trim('
      AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
      BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
      GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF
      KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
      MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
      SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU
      UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
  ', E' \n'), '\s+')) as currency
)
select
  currency,
  case spend.major(currency) when 1 then 0 when 0.01 then 2 when 0.001 then 3 else 4 end as exponent,
  spend.major(currency) as major_per_minor
from listed;
